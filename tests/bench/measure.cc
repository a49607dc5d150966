#include "tests/bench/measure.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <thread>

#include "tests/bench/report.h"

namespace farpoll {

double MicrosSince(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start)
      .count();
}

void OrDie(const grpc::Status& status) {
  if (!status.ok()) {
    std::cerr << status.error_code() << ": " << status.error_message() << "\n";
    exit(1);
  }
}

void OrDie(bool good, const std::string& what) {
  if (!good) {
    std::cerr << what << "\n";
    exit(1);
  }
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

double Percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(
      fraction * static_cast<double>(values.size() - 1))];
}

std::vector<double> Latencies(int rounds, const std::function<void()>& trigger,
                              const std::function<void()>& arrival,
                              const std::function<void()>& settle) {
  std::vector<double> latencies;
  for (int round = 0; round < rounds; ++round) {
    std::this_thread::sleep_for(kPause);
    const SteadyClock::time_point start = SteadyClock::now();
    trigger();
    arrival();
    latencies.push_back(MicrosSince(start));
    settle();
  }
  return latencies;
}

double MedianLatency(const std::function<void()>& trigger,
                     const std::function<void()>& arrival,
                     const std::function<void()>& settle) {
  return Median(Latencies(kRounds, trigger, arrival, settle));
}

LocalPipe::LocalPipe() {
  int ends[2];
  OrDie(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
  reader = UniqueFd(ends[0]);
  writer = UniqueFd(ends[1]);
  (void)fcntl(reader.get(), F_SETFL, O_NONBLOCK);
}

void LocalPipe::Write() const { (void)!write(writer.get(), "x", 1); }

void LocalPipe::Drain() const {
  char byte;
  (void)!read(reader.get(), &byte, 1);
}

LocalCounter::LocalCounter() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  OrDie(fd.get() >= 0, "no event counter");
}

void LocalCounter::Raise() const { (void)eventfd_write(fd.get(), 1); }

void LocalCounter::Drain() const {
  eventfd_t count;
  (void)eventfd_read(fd.get(), &count);
}

}  // namespace farpoll
