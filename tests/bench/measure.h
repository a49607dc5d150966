// tests/bench/measure.h: room: tests. What the benchmarks of the service share:
// time, failure, channels, and samples of latencies.
#ifndef FARPOLL_TESTS_BENCH_MEASURE_H_
#define FARPOLL_TESTS_BENCH_MEASURE_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace farpoll {

using SteadyClock = std::chrono::steady_clock;

// Latencies in a sample, unless a benchmark says otherwise.
inline constexpr int kRounds = 300;
// Between rounds: long enough for everybody to go back to waiting.
inline constexpr auto kPause = std::chrono::microseconds(300);

double MicrosSince(SteadyClock::time_point start);

// The value, or the end of the program and why.
template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    exit(1);
  }
  return *std::move(value);
}
void OrDie(const grpc::Status& status);
void OrDie(bool good, const std::string& what);

// A channel with a connection of its own.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address);

// What `fraction` of the values are not above.
double Percentile(std::vector<double> values, double fraction);

// Latencies in us, each of a `trigger` and an `arrival`, which blocks; `settle`
// puts things back.
std::vector<double> Latencies(int rounds, const std::function<void()>& trigger,
                              const std::function<void()>& arrival,
                              const std::function<void()>& settle);
// The median of kRounds.
double MedianLatency(const std::function<void()>& trigger,
                     const std::function<void()>& arrival,
                     const std::function<void()>& settle);

// A pipe whose reader does not block. (The fixtures' is not to be had beside
// the client library, which has a Pipe too.)
struct LocalPipe {
  LocalPipe();
  void Write() const;
  // Takes what one Write() put in.
  void Drain() const;

  UniqueFd reader;
  UniqueFd writer;
};

// An event counter, eventfd(2), that does not block.
struct LocalCounter {
  LocalCounter();
  void Raise() const;
  void Drain() const;

  UniqueFd fd;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_MEASURE_H_
