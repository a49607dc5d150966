// server/wait/source.h: room: server/wait. Where results come from: what an
// interest set (selector.h) and a kqueue (kevent_queue.h) have in common for
// the one who counts credits (waiter.h).
// Threads: fenced by the session's lock.
#ifndef FARPOLL_SERVER_WAIT_SOURCE_H_
#define FARPOLL_SERVER_WAIT_SOURCE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/readiness_mark.h"
#include "server/handle/handle.h"
#include "server/policy/quota.h"
#include "server/wait/result.h"

namespace farpoll::server {

// What the id of an open handle stands for.
struct Target {
  int fd = -1;                    // -1: the session has no such handle
  pid_t pid = 0;                  // of a process handle
  ReadinessMark* mark = nullptr;  // where each report is noted; null: nowhere
  Handle* handle = nullptr;       // to read from; null: bytes are not its own
};
// It, its mark and its handle live until HandleClosed().
using TargetOf = absl::FunctionRef<Target(std::int64_t handle_id)>;

// Notes that a selector reports a target in the result of this sequence, 0 for
// one without; the readiness generation that the report has, 0 without a mark.
inline std::int64_t NoteReport(const Target& target, std::int64_t selector_id,
                               std::int64_t sequence) {
  if (target.mark == nullptr) {
    return 0;
  }
  target.mark->selector_id = selector_id;
  target.mark->sequence = sequence;
  return ++target.mark->generation;
}

class Source {
 public:
  virtual ~Source() = default;

  // Polls readable while Collect would find something; owned by this object.
  virtual int fd() const = 0;
  // Whether Collect might find something that fd() says nothing of.
  virtual bool HasUnseen() const { return false; }
  // Registrations at present.
  virtual std::size_t size() const = 0;
  // Whether the handle is registered.
  virtual bool Has(std::int64_t handle_id) const = 0;

  // Calls `visit` for each registration of a handle, with what it asks for in
  // poll(2)'s terms; a kqueue's filters of one handle come one by one.
  using Visit = absl::FunctionRef<void(std::int64_t handle_id, Events asked)>;
  virtual void VisitRegistrations(Visit visit) const = 0;
  // Has every change of what VisitRegistrations() says counted up there, from
  // now on; borrowed for as long as this lives.
  void CountChanges(std::int64_t* changes) { changes_ = changes; }

  // Has registrations, and reports that are kept of some that ended, counted
  // in `quota` (max_registrations), from now on. Registering then also fails
  // with RESOURCE_EXHAUSTED (LIMIT_REGISTRATIONS, QUOTA_REGISTRATIONS).
  void CountIn(std::shared_ptr<Quota> quota) {
    kept_ = QuotaShare(std::move(quota));
  }

  // Takes what is ready, at most `max_events`, into a result that is empty but
  // for the sequence that it is to have and the bytes that it may take along.
  virtual void Collect(std::size_t max_events, Result* result) = 0;

  // Whether a level-triggered registration falls silent when it is collected,
  // until Acknowledge(); that is what more than one result on the way needs.
  // `standing` are the results that are on the way now.
  virtual void SetQuiet(bool quiet, const std::vector<Result>& standing) = 0;

  // The client has dealt with the result: what is in it may be reported again.
  virtual void Acknowledge(const Result& result) = 0;

  // The result did not reach the client: whatever of it still holds, or cannot
  // be seen again, will be reported again.
  virtual void Restore(const Result& result, TargetOf target_of) = 0;

  // The handle is about to be closed: ends its registrations and reports that
  // once for each. To be called before the descriptor is closed.
  virtual void HandleClosed(std::int64_t handle_id) = 0;

 protected:
  // A registration was added, ended, or asks for something else.
  void CountChange() {
    if (changes_ != nullptr) {
      ++*changes_;
    }
  }
  // Takes a place for one more registration, until SettleKept().
  absl::Status TakePlace() { return kept_.TryGrow(1, "max_registrations"); }
  // How many registrations and reports there are after a change.
  void SettleKept(std::size_t count) {
    kept_.Set(static_cast<std::int64_t>(count));
  }

 private:
  QuotaShare kept_;
  std::int64_t* changes_ = nullptr;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_SOURCE_H_
