// tests/bench/server_process.h: room: tests. A server in a process of its own,
// so that its memory and its time are its own: this program again, started with
// kServeFlag.
#ifndef FARPOLL_TESTS_BENCH_SERVER_PROCESS_H_
#define FARPOLL_TESTS_BENCH_SERVER_PROCESS_H_

#include <cstdint>
#include <string>

#include "tests/bench/program.h"

namespace farpoll {

inline constexpr char kServeFlag[] = "--serve";

enum class ServerKind { kBare, kFarpoll };

// What Main does when its first argument is kServeFlag: serves as the second
// says, "bare" or "farpoll", and obeys standard input until it ends.
int ServeBeside(const std::string& kind);

class ServerProcess {
 public:
  explicit ServerProcess(ServerKind kind);

  // "unix:PATH".
  const std::string& address() const { return address_; }

  // Of a bare server: sends an event on each open stream.
  void Push() { program_.Say("push"); }

  // Bytes of the heap in use.
  std::int64_t HeapBytes() { return program_.Ask("heap"); }
  // Bytes of memory of its own.
  std::int64_t ResidentBytes() const;
  // Processor time that it has used, in seconds.
  double CpuSeconds() const;

 private:
  Program program_;
  std::string address_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_SERVER_PROCESS_H_
