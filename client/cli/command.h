// client/cli/command.h: room: cli. How a verb declares its arguments. A thin
// front of CLI11, which does the parsing: its templates are compiled in
// command.cc, once, and not in every verb.
// Ownership: Command and Argument are names of what the grammar (app.h) owns,
//   to be copied freely.
// Threads: one.
#ifndef FARPOLL_CLIENT_CLI_COMMAND_H_
#define FARPOLL_CLIENT_CLI_COMMAND_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace farpoll::cli {

// An option, flag or positional argument. Each change returns it again.
class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  // What stands for its value in help. "HANDLE", "SELECTOR", "SESSION",
  // "CONTEXT", "VERB" and "SPEC" are what completion offers names of. Without
  // it, nothing does.
  Argument Type(const std::string& name);
  Argument Required();
  // A number from one, or from zero.
  Argument Positive();
  Argument NotNegative();
  // One of these words, which are also its type: "r|w|rw".
  Argument OneOf(const std::vector<std::string>& words);
  // Up to this many values.
  Argument AtMost(int count);
  // One value each time that it is named, of an option that may be repeated.
  Argument OneEachTime();
  Argument Excludes(const Argument& other);

  // Whether the command line has it.
  bool given() const;

 private:
  CLI::Option* option_;
};

// The program, a verb, or a verb below one (`session create`).
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  // Adds an option ("-n,--name") or a positional argument ("NAME") that sets
  // `value`, which must outlive the parsing. A vector takes all that is given.
  Argument Add(const std::string& name, std::string& value,
               const std::string& description);
  Argument Add(const std::string& name, std::vector<std::string>& value,
               const std::string& description);
  Argument Add(const std::string& name, std::int32_t& value,
               const std::string& description);
  Argument Add(const std::string& name, std::int64_t& value,
               const std::string& description);
  Argument Add(const std::string& name, std::uint64_t& value,
               const std::string& description);
  // The same for what has no variable: calls `set` with the value.
  Argument Add(const std::string& name,
               const std::function<void(const std::string&)>& set,
               const std::string& description);
  Argument Add(const std::string& name,
               const std::function<void(const std::uint64_t&)>& set,
               const std::string& description);

  // Adds a flag, which takes no value.
  Argument AddFlag(const std::string& name, bool& value,
                   const std::string& description);
  Argument AddFlag(const std::string& name, const std::function<void()>& set,
                   const std::string& description);

  // Adds a verb below it.
  Command AddCommand(const std::string& name, const std::string& description);

  // Keeps it out of help and completion.
  void Hide();
  // Leaves -h and --help to the verb.
  void RemoveHelpFlag();
  // Lets unknown() take words and flags that were not declared.
  void AllowUnknown();

  // Whether the command line has it.
  bool given() const;
  // What AllowUnknown() let through.
  std::vector<std::string> unknown() const;
  // For what reads a whole grammar, as help does.
  const CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_COMMAND_H_
