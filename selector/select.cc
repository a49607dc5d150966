#include "selector/select.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/errno_status.h"
#include "selector/events.h"
#include "selector/interest_set.h"
#include "selector/open_number.h"
#include "selector/select_rules.h"
#include "selector/waitable.h"

namespace farpoll {
namespace {

bool LowerNumber(const pollfd& a, const pollfd& b) { return a.fd < b.fd; }

absl::Status Ask(absl::Span<const int> numbers, Events events,
                 std::vector<pollfd>& asked) {
  for (const int number : numbers) {
    const absl::Status valid = ValidateSelectNumber(number);
    if (!valid.ok()) {
      return valid;
    }
    asked.push_back(
        {.fd = number, .events = static_cast<short>(events), .revents = 0});
  }
  return absl::OkStatus();
}

// Sorts by number and folds the entries of one number into one, since poll(2)
// refuses more entries than RLIMIT_NOFILE.
void FoldNumbers(std::vector<pollfd>& asked) {
  std::sort(asked.begin(), asked.end(), LowerNumber);
  std::size_t count = 0;
  for (const pollfd& entry : asked) {
    if (count > 0 && asked[count - 1].fd == entry.fd) {
      asked[count - 1].events |= entry.events;
    } else {
      asked[count++] = entry;
    }
  }
  asked.resize(count);
}

// ppoll(2) until `deadline`; the errno, 0 for success.
int PollUntil(std::vector<pollfd>& asked, MonotonicTime deadline,
              OnSignal on_signal) {
  for (;;) {
    const MonotonicTime now = std::chrono::steady_clock::now();
    const auto left = std::max(deadline - now, MonotonicTime::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec span = {.tv_sec = seconds.count(),
                           .tv_nsec = (left - seconds).count()};
    if (ppoll(asked.data(), asked.size(), deadline == kNever ? nullptr : &span,
              nullptr) >= 0) {
      return 0;
    }
    const bool interrupted = on_signal == OnSignal::kReturn && now < deadline;
    if (errno != EINTR || interrupted) {
      return errno;
    }
  }
}

// The same without poll(2), for more entries than RLIMIT_NOFILE, which can be
// when the limit was lowered over open descriptors.
absl::Status PollManyUntil(std::vector<pollfd>& asked, MonotonicTime deadline,
                           OnSignal on_signal) {
  const absl::StatusOr<std::unique_ptr<InterestSet>> set =
      InterestSet::Create(InterestSet::Custody::kBorrowed);
  if (!set.ok()) {
    return set.status();
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto added = (*set)->Add(
        asked[i].fd, static_cast<Events>(asked[i].events), Trigger::kLevel, i);
    if (!added.ok()) {
      return added.status();
    }
  }
  std::vector<Event> ready(asked.size());
  const absl::StatusOr<std::size_t> count =
      (*set)->Wait(absl::MakeSpan(ready), deadline, on_signal);
  if (!count.ok()) {
    return count.status();
  }
  for (std::size_t i = 0; i < *count; ++i) {
    asked[ready[i].data].revents = static_cast<short>(ready[i].events);
  }
  return absl::OkStatus();
}

// poll(2) says kInvalid of numbers without a file and of O_PATH descriptors;
// select() fails for the former and reports the latter.
absl::Status RefuseClosedNumbers(const std::vector<pollfd>& asked) {
  for (const pollfd& entry : asked) {
    if ((entry.revents & kInvalid) != 0) {
      const absl::Status open = CheckOpen(entry.fd);
      if (!open.ok()) {
        return open;
      }
    }
  }
  return absl::OkStatus();
}

std::vector<std::size_t> ReadyPlaces(absl::Span<const int> numbers,
                                     const std::vector<pollfd>& asked,
                                     Events ready) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const pollfd key = {.fd = numbers[i], .events = 0, .revents = 0};
    const auto entry =
        std::lower_bound(asked.begin(), asked.end(), key, LowerNumber);
    if ((entry->revents & ready) != 0) {
      places.push_back(i);
    }
  }
  return places;
}

std::vector<int> NumbersAt(absl::Span<const int> numbers,
                           const std::vector<std::size_t>& places) {
  std::vector<int> picked;
  picked.reserve(places.size());
  for (const std::size_t place : places) {
    picked.push_back(numbers[place]);
  }
  return picked;
}

}  // namespace

absl::StatusOr<SelectResult<std::size_t>> SelectPlaces(
    absl::Span<const int> read, absl::Span<const int> write,
    absl::Span<const int> except, Timeout timeout, OnSignal on_signal) {
  const absl::StatusOr<absl::Duration> span = SelectTimeout(timeout);
  if (!span.ok()) {
    return span.status();
  }
  const MonotonicTime deadline =
      *span == absl::InfiniteDuration()
          ? kNever
          : DeadlineAfter(std::chrono::steady_clock::now(), *span);

  std::vector<pollfd> asked;
  asked.reserve(read.size() + write.size() + except.size());
  absl::Status status = Ask(read, kSelectAskRead, asked);
  status.Update(Ask(write, kSelectAskWrite, asked));
  status.Update(Ask(except, kSelectAskExcept, asked));
  if (!status.ok()) {
    return status;
  }
  FoldNumbers(asked);

  const int error = PollUntil(asked, deadline, on_signal);
  if (error == EINVAL) {
    status = PollManyUntil(asked, deadline, on_signal);
  } else if (error != 0) {
    status = ErrnoStatus(error, "ppoll");
  }
  status.Update(RefuseClosedNumbers(asked));
  if (!status.ok()) {
    return status;
  }
  return SelectResult<std::size_t>{
      ReadyPlaces(read, asked, kSelectReadReady),
      ReadyPlaces(write, asked, kSelectWriteReady),
      ReadyPlaces(except, asked, kSelectExceptReady)};
}

absl::StatusOr<SelectResult<int>> Select(absl::Span<const int> read,
                                         absl::Span<const int> write,
                                         absl::Span<const int> except,
                                         Timeout timeout, OnSignal on_signal) {
  const absl::StatusOr<SelectResult<std::size_t>> places =
      SelectPlaces(read, write, except, timeout, on_signal);
  if (!places.ok()) {
    return places.status();
  }
  return SelectResult<int>{NumbersAt(read, places->read),
                           NumbersAt(write, places->write),
                           NumbersAt(except, places->except)};
}

}  // namespace farpoll
