#include "client/cli/activity.h"

#include <algorithm>
#include <chrono>

namespace farpoll::cli {
namespace {

std::int64_t SecondOf(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(
             time.time_since_epoch())
      .count();
}

double Span(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double>(to - from).count();
}

// Less than this says nothing of a rate.
constexpr double kShortestSpan = 0.1;

}  // namespace

void Activity::Add(MonotonicTime now, std::int64_t changes,
                   std::int64_t bytes) {
  if (seconds_.empty()) {
    seconds_.resize(kSeconds);
  }
  const std::int64_t number = SecondOf(now);
  Second& second = seconds_[number % kSeconds];
  if (second.number != number) {
    second = {.number = number};
  }
  second.changes += changes;
  second.bytes += bytes;
}

Activity::Second Activity::At(std::int64_t number) const {
  if (seconds_.empty() || number < 0) {
    return {};
  }
  const Second& second = seconds_[number % kSeconds];
  return second.number == number ? second : Second();
}

Activity::Rates Activity::RatesAt(MonotonicTime now,
                                  MonotonicTime began) const {
  const std::int64_t last = SecondOf(now);
  Rates rates;
  for (std::int64_t i = 0; i < kRateSeconds; ++i) {
    const Second second = At(last - i);
    rates.changes += static_cast<double>(second.changes);
    rates.bytes += static_cast<double>(second.bytes);
  }
  const MonotonicTime first(std::chrono::seconds(last - kRateSeconds + 1));
  const double span =
      std::max(kShortestSpan, Span(std::max(first, began), now));
  rates.changes /= span;
  rates.bytes /= span;
  return rates;
}

std::vector<std::int64_t> Activity::History(MonotonicTime now,
                                            std::size_t parts) const {
  std::vector<std::int64_t> history(parts);
  const std::int64_t last = SecondOf(now);
  const std::int64_t in_part = kSeconds / static_cast<std::int64_t>(parts);
  for (std::int64_t i = 0; i < kSeconds && !seconds_.empty(); ++i) {
    history[parts - 1 - i / in_part] += At(last - i).changes;
  }
  return history;
}

}  // namespace farpoll::cli
