// server/session/session_parts.h: room: server/session. The parts of a Session
// that its .cc files share and nobody else sees.
#ifndef FARPOLL_SERVER_SESSION_SESSION_PARTS_H_
#define FARPOLL_SERVER_SESSION_SESSION_PARTS_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "server/session/session.h"

namespace farpoll::server {

// The most events that a Poll or Control may ask for; it gets as many as its
// answer has room for.
inline constexpr std::int64_t kMostRoom =
    std::numeric_limits<std::int32_t>::max();

// INVALID_ARGUMENT (EINVAL, BAD_SIZE) unless `bytes` is from `least` to `most`.
absl::Status CheckByteCount(absl::string_view field, std::int64_t bytes,
                            std::int64_t least, std::int64_t most);

struct Session::SelectorEntry {
  std::int64_t id = 0;
  std::string name;
  SelectorKind kind = SelectorKind::kPoll;
  bool hidden = false;  // made for one Select; in no list, under no quota
  // One of the two, by kind; `source` is that one.
  std::unique_ptr<Selector> selector;
  std::unique_ptr<KeventQueue> queue;
  Source* source = nullptr;
  std::unique_ptr<Waiter> waiter;
  QuotaShare place;  // among the account's selectors
  // Of the account's weak handles. What the kernel keeps of one stays as long
  // as its file does, so nothing of it comes back before the selector is
  // closed.
  std::int64_t weak_taken = 0;
  Reactor::WatchId watch = 0;      // of the source's descriptor
  StreamId wait = 0;               // the wait in progress, or 0
  std::vector<StreamId> polls;     // Polls beside that wait, in order
  std::vector<StreamId> controls;  // a kqueue's Control calls in progress
};

// A child between the request and its handles.
struct Session::PendingChild {
  std::vector<std::string> names;  // the process's, then those of its ends
  Process process;
  std::vector<ServerEnd> ends;
};

struct Session::SelectLists {
  // One entry a distinct handle, with the sets it is in.
  struct Member {
    std::int64_t handle_id;
    int fd;
    Events asked;
    bool has_returned;  // bytes that came back from events
  };
  std::vector<Member> members;
  // Positions in `members`, one for each entry of the request's lists.
  std::vector<std::size_t> read;
  std::vector<std::size_t> write;
  std::vector<std::size_t> except;

  // The answer, given what was seen of each member.
  SelectSets Pick(const std::vector<Events>& seen) const;
};

struct Session::Wait {
  StreamId id = 0;
  std::int64_t selector_id = 0;
  std::weak_ptr<WaitSink> sink;
  bool single = false;
  bool with_names = false;
  Reactor::TimerId timer = 0;
  MonotonicTime timer_at = kNever;
  std::unique_ptr<SelectLists> lists;  // of a Select
  // Of a Control, which has no credit of the waiter's.
  bool control = false;
  std::size_t max_events = 0;
  MonotonicTime deadline = kNever;
  // Of a Poll beside a wait in progress: it looks once, or it begins so when
  // that wait ends. It is refused when that comes after `deadline`.
  bool looks = false;
  absl::optional<WaitOptions> queued;
  MonotonicTime asked_at;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_SESSION_PARTS_H_
