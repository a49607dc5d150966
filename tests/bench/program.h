// tests/bench/program.h: room: tests. A program that runs beside a benchmark:
// a server of its own process, or a peer.
// Source: fork(2), prctl(2).
#ifndef FARPOLL_TESTS_BENCH_PROGRAM_H_
#define FARPOLL_TESTS_BENCH_PROGRAM_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace farpoll {

// The path of a program that PATH or the folders of system programs have; empty
// if none has it.
std::string FindProgram(const std::string& name);

// Ends with this object, and with the thread that made it.
// Threads: one.
class Program {
 public:
  // Starts `words`; what it says on standard error is kept quiet or shown.
  enum class Errors { kQuiet, kShown };
  explicit Program(std::vector<std::string> words,
                   Errors errors = Errors::kShown);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  // Writes a line to its standard input.
  void Say(const std::string& line);
  // The next line of its standard output; empty when it is over.
  std::string Hear();
  // Says `question` and hears the answer, a number.
  std::int64_t Ask(const std::string& question);

 private:
  pid_t pid_ = -1;
  UniqueFd input_;
  UniqueFd output_;
  std::string unread_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_PROGRAM_H_
