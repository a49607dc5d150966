#include "server/observe/change_log.h"

#include <limits>
#include <utility>

namespace farpoll::server {

Events ObservedState::BitsChangedAfter(std::int64_t sequence) const {
  Events changed = 0;
  for (std::size_t bit = 0; bit < bits_at.size(); ++bit) {
    if (bits_at[bit] > sequence) {
      changed |= static_cast<Events>(1u << bit);
    }
  }
  return changed;
}

void ChangeLog::Touch(ObservedState& state) {
  order_.erase(state.changed);
  state.changed = ++sequence_;
  order_.emplace_hint(order_.end(), sequence_, state.sample.id);
}

void ChangeLog::Make(const HandleSample& sample) {
  ObservedState& state = states_[sample.id];
  state.sample = sample;
  Touch(state);
  state.made = sequence_;
  state.exited = sample.exit.has_value() ? sequence_ : 0;
  NoteRegistrations(state, sample);
}

void ChangeLog::NoteRegistrations(ObservedState& state,
                                  const HandleSample& sample) {
  std::vector<RegistrationSpan> before = std::move(state.registered);
  state.registered.clear();
  auto old = before.begin();  // both are in order of the selectors' ids
  const auto end_before = [&](std::int64_t selector_id) {
    for (; old != before.end() && old->selector_id < selector_id; ++old) {
      old->ended = sequence_;
      state.unregistered.push_back(*old);
    }
  };
  for (const SampledRegistration& now : sample.registrations) {
    end_before(now.selector_id);
    const bool stands =
        old != before.end() && old->selector_id == now.selector_id;
    state.registered.push_back(
        stands ? *old++
               : RegistrationSpan{.selector_id = now.selector_id,
                                  .began = sequence_});
  }
  end_before(std::numeric_limits<std::int64_t>::max());
  while (state.unregistered.size() > ObservedState::kMostEnded) {
    state.forgotten_end = state.unregistered.front().ended;
    state.unregistered.erase(state.unregistered.begin());
  }
}

void ChangeLog::Update(ObservedState& state, const HandleSample& sample) {
  if (state.sample == sample) {
    return;
  }
  Touch(state);
  const unsigned changed = state.sample.ready ^ sample.ready;
  for (std::size_t bit = 0; bit < state.bits_at.size(); ++bit) {
    if ((changed & (1u << bit)) != 0) {
      state.bits_at[bit] = sequence_;
    }
  }
  if (sample.exit.has_value() && state.exited == 0) {
    state.exited = sequence_;
  }
  NoteRegistrations(state, sample);
  state.sample = sample;
}

void ChangeLog::Close(ObservedState& state) {
  Touch(state);
  state.closed = true;
  closed_.push_back(state.sample.id);
  if (closed_.size() > max_closed_) {
    const auto oldest = states_.find(closed_.front());
    closed_.pop_front();
    floor_ = oldest->second.changed;
    order_.erase(floor_);
    states_.erase(oldest);
  }
}

void ChangeLog::Merge(std::int64_t after, absl::Span<const HandleSample> page,
                      bool is_last) {
  const std::int64_t end = is_last || page.empty()
                               ? std::numeric_limits<std::int64_t>::max()
                               : page.back().id;
  auto sample = page.begin();
  auto known = states_.upper_bound(after);
  while (known != states_.end() && known->first <= end) {
    const std::int64_t id = known->first;
    if (known->second.closed) {
      ++known;
      continue;
    }
    for (; sample != page.end() && sample->id < id; ++sample) {
      Make(*sample);
    }
    if (sample != page.end() && sample->id == id) {
      Update(known->second, *sample++);
      ++known;
    } else {
      Close(known->second);
      known = states_.upper_bound(id);  // the next one may be forgotten now
    }
  }
  for (; sample != page.end(); ++sample) {
    Make(*sample);
  }
}

std::vector<std::int64_t> ChangeLog::ChangedAfter(std::int64_t sequence) const {
  std::vector<std::int64_t> ids;
  for (auto it = order_.upper_bound(sequence); it != order_.end(); ++it) {
    ids.push_back(it->second);
  }
  return ids;
}

const ObservedState* ChangeLog::Find(std::int64_t handle_id) const {
  const auto it = states_.find(handle_id);
  return it == states_.end() ? nullptr : &it->second;
}

}  // namespace farpoll::server
