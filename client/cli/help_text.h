// client/cli/help_text.h: room: cli. Help pages, made from what the verbs
// declare: examples first.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_HELP_TEXT_H_
#define FARPOLL_CLIENT_CLI_HELP_TEXT_H_

#include <string>
#include <vector>

#include "client/cli/verb.h"

namespace farpoll::cli {

// All verbs by group, then the global flags.
std::string RootHelp(const CLI::App& root, const std::vector<Verb>& verbs);

// One verb: examples, usage, arguments, notes. `app` is its app, or that of a
// verb below it (`session create`).
std::string VerbHelp(const Verb& verb, const CLI::App& app);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_HELP_TEXT_H_
