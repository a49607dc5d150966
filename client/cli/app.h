// client/cli/app.h: room: cli. From a command line to an exit code.
#ifndef FARPOLL_CLIENT_CLI_APP_H_
#define FARPOLL_CLIENT_CLI_APP_H_

#include <memory>
#include <string>
#include <vector>

#include "client/cli/settings.h"
#include "client/cli/verb.h"

namespace farpoll::cli {

// The grammar: the root app with all verbs below it, and what each does.
struct Grammar {
  Grammar();
  ~Grammar();

  std::vector<Verb> verbs;
  Flags flags;
  std::unique_ptr<CLI::App> root;
  // Of the same order as `verbs`.
  std::vector<CLI::App*> apps;
  std::vector<Action> actions;
};
std::unique_ptr<Grammar> MakeGrammar();

// The command of that name below `app`; null when there is none.
const CLI::App* FindBelow(const CLI::App& app, const std::string& name);

// Runs one command. Returns the program's exit code; throws nothing.
int RunProgram(int argc, const char* const* argv);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_APP_H_
