// tests/support/child_process.h: room: tests. A program under test, run as its
// users run it.
#ifndef FARPOLL_TESTS_SUPPORT_CHILD_PROCESS_H_
#define FARPOLL_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace farpoll {

// Runs a program with pipes for its output. Whatever does not happen within
// 30 s fails the test. Destruction kills what still runs.
// Threads: one.
class ChildProcess {
 public:
  // Starts `command`; `environment` ("NAME=value") adds to our own.
  explicit ChildProcess(std::vector<std::string> command,
                        std::vector<std::string> environment = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  // The next line of standard output, without its end; empty when it is over.
  std::string ReadLine();
  void Signal(int number);
  // How it ended: its exit code, or minus the signal that killed it.
  int Wait();
  // Standard error, all of it; after Wait().
  std::string Errors();
  // While it is not waited for.
  pid_t pid() const { return pid_; }
  // Descriptors that it has open.
  int CountDescriptors() const;

 private:
  pid_t pid_ = -1;  // until it is waited for
  UniqueFd output_;
  UniqueFd errors_;
  std::string unread_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_CHILD_PROCESS_H_
