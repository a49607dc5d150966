// selector/select.h: room: selector. Python's select.select(): one look at
// three lists of descriptors, without a registration and without FD_SETSIZE.
// Threads: from any thread; nothing is shared between calls.
// Source: Python select.select; select(2); docs/semantics.md section 3.
#ifndef FARPOLL_SELECTOR_SELECT_H_
#define FARPOLL_SELECTOR_SELECT_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/timeout.h"
#include "selector/file_object.h"
#include "selector/on_signal.h"

namespace farpoll {

// The ready members of each list, in the list's order, duplicates kept.
template <typename R, typename W = R, typename X = R>
struct SelectResult {
  std::vector<R> read;
  std::vector<W> write;
  std::vector<X> except;  // urgent TCP data
};

// Waits until a member of `read` can be read, one of `write` written, or one of
// `except` has urgent data; three empty lists just sleep. Empty results: the
// time is up. A descriptor may stand in all three lists and often in one.
//   Ownership: borrows the descriptors; they stay open during the call.
//   Errors: INVALID_ARGUMENT, EINVAL for a negative number, a negative timeout
//     and NaN, EOVERFLOW for a timeout beyond 10^9 s; FAILED_PRECONDITION
//     (EBADF) when a number is not open: nothing is reported then;
//     RESOURCE_EXHAUSTED (ENOMEM); EINTR as `on_signal` says.
absl::StatusOr<SelectResult<int>> Select(absl::Span<const int> read,
                                         absl::Span<const int> write,
                                         absl::Span<const int> except,
                                         Timeout timeout = Timeout::Forever(),
                                         OnSignal on_signal = OnSignal::kRetry);

// As Select, but results are places (indexes) in the lists.
absl::StatusOr<SelectResult<std::size_t>> SelectPlaces(
    absl::Span<const int> read, absl::Span<const int> write,
    absl::Span<const int> except, Timeout timeout = Timeout::Forever(),
    OnSignal on_signal = OnSignal::kRetry);

namespace select_internal {

template <typename List>
std::vector<int> NumbersOf(const List& objects) {
  std::vector<int> numbers;
  numbers.reserve(objects.size());
  for (const auto& object : objects) {
    numbers.push_back(FileObject(object).number());
  }
  return numbers;
}

template <typename List>
std::vector<typename List::value_type> Pick(
    const List& objects, const std::vector<std::size_t>& places) {
  std::vector<typename List::value_type> picked;
  picked.reserve(places.size());
  for (const std::size_t place : places) {
    picked.push_back(objects[place]);
  }
  return picked;
}

}  // namespace select_internal

// As Select, over vectors or spans of anything a FileObject can be made from,
// pointers to such objects for one; the results are the caller's own values.
template <typename R, typename W, typename X>
absl::StatusOr<SelectResult<typename R::value_type, typename W::value_type,
                            typename X::value_type>>
SelectObjects(const R& read, const W& write, const X& except,
              Timeout timeout = Timeout::Forever(),
              OnSignal on_signal = OnSignal::kRetry) {
  using select_internal::NumbersOf;
  using select_internal::Pick;
  const absl::StatusOr<SelectResult<std::size_t>> places = SelectPlaces(
      NumbersOf(read), NumbersOf(write), NumbersOf(except), timeout, on_signal);
  if (!places.ok()) {
    return places.status();
  }
  return SelectResult<typename R::value_type, typename W::value_type,
                      typename X::value_type>{Pick(read, places->read),
                                              Pick(write, places->write),
                                              Pick(except, places->except)};
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SELECT_H_
