// client/cli/activity.h: room: cli. What went on in the last minute, second by
// second: the rates and the little history that `top` shows of a handle.
// Threads: one; time is what it is told, and does not go back.
#ifndef FARPOLL_CLIENT_CLI_ACTIVITY_H_
#define FARPOLL_CLIENT_CLI_ACTIVITY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace farpoll::cli {

class Activity {
 public:
  // How far back it remembers.
  static constexpr std::int64_t kSeconds = 60;
  // Rates are means of the second in progress and the ones before it.
  static constexpr std::int64_t kRateSeconds = 3;

  struct Rates {
    double changes = 0;  // a second
    double bytes = 0;    // a second
  };

  void Add(MonotonicTime now, std::int64_t changes, std::int64_t bytes);

  // Of the time that was looked at: since `began`, if that is not so long ago.
  Rates RatesAt(MonotonicTime now, MonotonicTime began) const;
  // The changes of the last minute in `parts` equal parts, the oldest first.
  // `parts` divides kSeconds.
  std::vector<std::int64_t> History(MonotonicTime now, std::size_t parts) const;

 private:
  struct Second {
    std::int64_t number = -1;  // since the clock's zero; -1: none
    std::int64_t changes = 0;
    std::int64_t bytes = 0;
  };

  // That second, if it is remembered; else an empty one.
  Second At(std::int64_t number) const;

  // By number modulo kSeconds; empty until something goes on, as most handles
  // idle.
  std::vector<Second> seconds_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_ACTIVITY_H_
