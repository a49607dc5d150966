#include "server/observe/observer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errno_status.h"

namespace farpoll::server {

bool FitsPattern(absl::string_view name, absl::string_view pattern) {
  // Where to go on when the characters after the last star do not fit.
  std::size_t star = pattern.npos;
  std::size_t retry = 0;
  std::size_t at = 0;
  std::size_t i = 0;
  while (i < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      retry = i;
    } else if (at < pattern.size() && pattern[at] == name[i]) {
      ++at;
      ++i;
    } else if (star != pattern.npos) {
      at = star + 1;
      i = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == pattern.npos;
}

bool ObserveFilter::Admits(const HandleSample& handle) const {
  const bool kind_fits = kinds.empty() || std::find(kinds.begin(), kinds.end(),
                                                    handle.kind) != kinds.end();
  return kind_fits && (names.empty() ||
                       std::any_of(names.begin(), names.end(),
                                   [&handle](const std::string& pattern) {
                                     return FitsPattern(handle.name, pattern);
                                   }));
}

absl::Status SnapshotRequired(absl::string_view message) {
  return MakeError(absl::StatusCode::kOutOfRange, ESTALE, "SNAPSHOT_REQUIRED",
                   "resume_token", message);
}

Observer::Observer(ObserveOptions options)
    : options_(std::move(options)),
      snapshot_(!options_.resume_after.has_value()),
      known_(options_.resume_after.value_or(0)) {}

bool Observer::BookmarkIsDue(MonotonicTime now) const {
  return options_.bookmark_interval.has_value() &&
         now >= DeadlineAfter(last_frame_, *options_.bookmark_interval);
}

bool Observer::IsDue(const ChangeLog& log, MonotonicTime now) const {
  return round_.has_value() || !begun_ ||
         (now >= next_round_ &&
          (log.sequence() > known_ || BookmarkIsDue(now)));
}

absl::StatusOr<absl::optional<ObserveFrame>> Observer::Take(
    const ChangeLog& log, MonotonicTime now) {
  static constexpr absl::string_view kForgotten =
      "handles were closed that the observer was not told of, so many that "
      "they are forgotten: observe again without a token";
  if (!IsDue(log, now)) {
    return absl::optional<ObserveFrame>();
  }
  if (!round_.has_value()) {
    if (!snapshot_ && log.floor() > known_) {
      return SnapshotRequired(kForgotten);
    }
    round_ = Round{.handles = log.ChangedAfter(known_), .end = log.sequence()};
    next_round_ = DeadlineAfter(now, options_.period);
  }
  ObserveFrame frame;
  while (round_->next < round_->handles.size() &&
         frame.changes.size() < kMaxChanges) {
    const ObservedState* const state = log.Find(round_->handles[round_->next]);
    ++round_->next;
    if (state == nullptr && !snapshot_) {
      return SnapshotRequired(kForgotten);
    }
    if (state == nullptr) {
      continue;  // it came and went before it was told of
    }
    if (absl::optional<ObservedChange> change = Judge(*state)) {
      frame.changes.push_back(*std::move(change));
    }
  }
  const bool is_last = round_->next == round_->handles.size();
  const bool worth_it =
      !frame.changes.empty() || round_->sent || !begun_ || BookmarkIsDue(now);
  round_->sent = true;
  if (is_last) {
    frame.known = known_ = round_->end;
    snapshot_ = false;
    begun_ = true;
    round_.reset();
  }
  if (!worth_it) {
    return absl::optional<ObserveFrame>();
  }
  last_frame_ = now;
  return absl::optional<ObserveFrame>(std::move(frame));
}

absl::optional<ObservedChange::What> Observer::InSight(
    const ObservedState& state) const {
  using What = ObservedChange::What;
  const std::vector<std::int64_t>& asked = options_.filter.selectors;
  const auto count = [&](const std::vector<RegistrationSpan>& spans,
                         const auto& counts) {
    return std::any_of(
        spans.begin(), spans.end(), [&](const RegistrationSpan& span) {
          return counts(span) && std::find(asked.begin(), asked.end(),
                                           span.selector_id) != asked.end();
        });
  };
  const auto stood = [this](const RegistrationSpan& span) {
    return span.StoodAt(known_);
  };
  const bool is_new = state.made > known_;
  const bool was = !is_new && (state.forgotten_end > known_ ||
                               count(state.registered, stood) ||
                               count(state.unregistered, stood));
  const bool is = count(state.registered, [](const auto&) { return true; });
  if (snapshot_ ? !is || state.closed : !is && !was) {
    return absl::nullopt;
  }
  if (state.closed) {
    return was ? absl::make_optional(What::kClosed) : absl::nullopt;
  }
  return snapshot_ ? What::kPresent
         : !is     ? What::kLeft
         : is_new  ? What::kMade
         : !was    ? What::kPresent
                   : What::kChanged;
}

absl::optional<ObservedChange> Observer::Judge(
    const ObservedState& state) const {
  using What = ObservedChange::What;
  const bool is_new = state.made > known_;
  if ((state.closed && is_new) || !options_.filter.Admits(state.sample)) {
    return absl::nullopt;
  }
  ObservedChange change{.handle = state.sample};
  if (!is_new) {
    change.bits_changed = state.BitsChangedAfter(known_);
  }
  change.what = snapshot_      ? What::kPresent
                : state.closed ? What::kClosed
                : is_new       ? What::kMade
                               : What::kChanged;
  if (!options_.filter.selectors.empty()) {
    const absl::optional<What> what = InSight(state);
    if (!what.has_value()) {
      return absl::nullopt;
    }
    change.what = *what;
  }
  const Events asked = options_.filter.bits;
  if (change.what == What::kChanged && asked != 0 &&
      (change.bits_changed & asked) == 0 && state.exited <= known_) {
    return absl::nullopt;
  }
  return change;
}

}  // namespace farpoll::server
