// server/observe/change_log.h: room: server/observe. What is known of a
// session's handles, and in which order it changed: samples in, changes out.
//
// Every change has a sequence, from 1 on. A handle keeps the sequence of its
// last change alone, so that the log is as long as there are handles, however
// often they change, and whoever knows everything up to some sequence needs no
// more than the handles that changed after it. Closed handles are remembered
// for that, the latest ones.
// Threads: fenced by its owner.
#ifndef FARPOLL_SERVER_OBSERVE_CHANGE_LOG_H_
#define FARPOLL_SERVER_OBSERVE_CHANGE_LOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "absl/types/span.h"
#include "selector/events.h"
#include "server/session/values.h"

namespace farpoll::server {

// For how long a selector had a handle registered, in sequences.
struct RegistrationSpan {
  std::int64_t selector_id = 0;
  std::int64_t began = 0;
  std::int64_t ended = 0;  // 0: it has not

  bool StoodAt(std::int64_t sequence) const {
    return began <= sequence && (ended == 0 || ended > sequence);
  }
};

// A handle as the last sample saw it, and when what of it changed.
struct ObservedState {
  // Ended registrations that are remembered, the latest ones.
  static constexpr std::size_t kMostEnded = 8;

  HandleSample sample;
  bool closed = false;
  std::int64_t made = 0;
  std::int64_t changed = 0;
  std::int64_t exited = 0;                    // 0: its process has not ended
  std::array<std::int64_t, 16> bits_at = {};  // of each bit; 0: never

  // Those that stand, and those that ended, in the order of their ends.
  std::vector<RegistrationSpan> registered;
  std::vector<RegistrationSpan> unregistered;
  // When the latest of those ended that are forgotten.
  std::int64_t forgotten_end = 0;

  // The bits that changed after `sequence`.
  Events BitsChangedAfter(std::int64_t sequence) const;
};

class ChangeLog {
 public:
  // Remembers up to `max_closed` closed handles.
  explicit ChangeLog(std::size_t max_closed) : max_closed_(max_closed) {}

  // Takes in `page`: the handles with ids above `after`, in their order, up to
  // the last one of the page; all of them when `is_last`. Those in between that
  // are not there any more were closed.
  void Merge(std::int64_t after, absl::Span<const HandleSample> page,
             bool is_last);

  // The sequence of the last change; 0 when there was none.
  std::int64_t sequence() const { return sequence_; }
  // Handles closed up to here may have been forgotten: whoever knows less needs
  // a snapshot.
  std::int64_t floor() const { return floor_; }

  // The handles that changed after `sequence`, closed ones too.
  std::vector<std::int64_t> ChangedAfter(std::int64_t sequence) const;
  // Null for a handle that was never seen, or was forgotten.
  const ObservedState* Find(std::int64_t handle_id) const;

 private:
  // Gives the state the next sequence.
  void Touch(ObservedState& state);
  void Make(const HandleSample& sample);
  void Update(ObservedState& state, const HandleSample& sample);
  // Notes which registrations of `sample` are new to the state, and which of
  // the state's have ended; as of the last sequence.
  void NoteRegistrations(ObservedState& state, const HandleSample& sample);
  void Close(ObservedState& state);

  const std::size_t max_closed_;
  std::int64_t sequence_ = 0;
  std::int64_t floor_ = 0;
  std::map<std::int64_t, ObservedState> states_;  // by id
  std::map<std::int64_t, std::int64_t> order_;    // last change to id
  std::deque<std::int64_t> closed_;               // ids, oldest first
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_OBSERVE_CHANGE_LOG_H_
