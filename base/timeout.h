// base/timeout.h: room: base. How long a wait may last, as its caller said it.
// The front ends judge it, because they differ: poll() blocks on a negative
// timeout, select() refuses it, BaseSelector.select() looks once.
#ifndef FARPOLL_BASE_TIMEOUT_H_
#define FARPOLL_BASE_TIMEOUT_H_

#include <cmath>

#include "absl/time/time.h"

namespace farpoll {

// A relative timeout. Positive spans are rounded up to whole nanoseconds, so a
// wait is never shorter than asked for.
class Timeout {
 public:
  enum class Kind { kForever, kFinite, kNegative, kInfinite, kNotANumber };

  // Waits for ever; what "unset" means in Python.
  static Timeout Forever() { return Timeout(Kind::kForever); }
  // Looks once and never blocks.
  static Timeout Zero() { return Timeout(absl::ZeroDuration()); }
  static Timeout Seconds(double seconds) { return From(seconds, 1e9); }
  static Timeout Milliseconds(double millis) { return From(millis, 1e6); }

  // Implicit, so that Wait(absl::Seconds(1)) reads naturally.
  Timeout(absl::Duration span)  // NOLINT(google-explicit-constructor)
      : kind_(span == absl::InfiniteDuration() ? Kind::kInfinite
              : span < absl::ZeroDuration()    ? Kind::kNegative
                                               : Kind::kFinite),
        span_(kind_ == Kind::kFinite ? absl::Ceil(span, absl::Nanoseconds(1))
                                     : absl::ZeroDuration()) {}

  Kind kind() const { return kind_; }
  bool forever() const { return kind_ == Kind::kForever; }
  // The span; meaningful for kFinite only, zero otherwise.
  absl::Duration span() const { return span_; }

 private:
  explicit Timeout(Kind kind) : kind_(kind) {}

  static Timeout From(double amount, double nanos_per_unit) {
    if (std::isnan(amount)) {
      return Timeout(Kind::kNotANumber);
    }
    if (amount < 0) {  // even -1e-100, which would round to zero
      return Timeout(Kind::kNegative);
    }
    const double nanos = std::ceil(amount * nanos_per_unit);
    // Beyond int64 nanoseconds (292 years) whole seconds are exact enough.
    return std::isinf(nanos) ? Timeout(Kind::kInfinite)
           : nanos < 9.2e18
               ? Timeout(absl::Nanoseconds(static_cast<int64_t>(nanos)))
               : Timeout(absl::Seconds(nanos / 1e9));
  }

  Kind kind_;
  absl::Duration span_ = absl::ZeroDuration();
};

}  // namespace farpoll

#endif  // FARPOLL_BASE_TIMEOUT_H_
