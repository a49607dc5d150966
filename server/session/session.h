// server/session/session.h: room: server/session. One client's handles,
// selectors and waits, its lease, and the one lock over them.
// Threads: every method from any thread; each holds the lock for a few system
//   calls that do not block. Sinks are called with no lock held.
// Source: docs/semantics.md section 7; docs/ARCHITECTURE.md.
#ifndef FARPOLL_SERVER_SESSION_SESSION_H_
#define FARPOLL_SERVER_SESSION_SESSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/timeout.h"
#include "base/unique_fd.h"
#include "server/authority/authority.h"
#include "server/blocking/blocking_pool.h"
#include "server/handle/endpoint.h"
#include "server/handle/file.h"
#include "server/handle/handle.h"
#include "server/handle/io.h"
#include "server/handle/makers.h"
#include "server/handle/timer.h"
#include "server/handle/transfer.h"
#include "server/policy/account.h"
#include "server/policy/limits.h"
#include "server/policy/principal.h"
#include "server/policy/quota.h"
#include "server/policy/verb.h"
#include "server/process/children.h"
#include "server/reactor/reactor.h"
#include "server/session/reference.h"
#include "server/session/sinks.h"
#include "server/session/values.h"
#include "server/wait/kevent_queue.h"
#include "server/wait/selector.h"
#include "server/wait/waiter.h"

namespace farpoll::server {

// What every session uses and none owns.
struct SessionContext {
  const Clock* clock = nullptr;
  Reactor* reactor = nullptr;
  const Authority* authority = nullptr;
  Children* children = nullptr;  // of all sessions
  BlockingPool* blocking = nullptr;
  std::shared_ptr<const Limits> limits;  // of this session, shared with nobody
  std::shared_ptr<Account> account;      // shared with the owner's others
  Quota* handles = nullptr;              // of `account`
  std::atomic<std::int64_t>* last_id = nullptr;  // of handles and selectors
};

using StreamId = std::int64_t;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::string id, std::string name, absl::Duration ttl, Principal owner,
          const SessionContext& context);
  ~Session();

  const std::string& id() const { return id_; }
  const std::string& name() const { return name_; }
  absl::Duration ttl() const { return ttl_; }
  // Who made it; what it does is allowed or refused to this principal.
  const Principal& owner() const { return owner_; }
  SessionInfo Info();

  // ---- The lease. (session.cc)

  // Renews the lease.
  void Touch();
  // When it runs out if nothing happens; kNever while a stream holds it.
  MonotonicTime lease_end();
  // Ends the session: waits end with `why`, everything it owns is closed. Every
  // later call gets `why`. Calling it again does nothing.
  void End(absl::Status why);

  // Ends every wait and stream with `why`; the rest of the session goes on.
  void EndStreams(absl::Status why);

  // Lets a stream hold the lease until DetachStream. Keeps `sink` weakly.
  //   Errors: RESOURCE_EXHAUSTED (LIMIT_SESSION_STREAMS); the end's status.
  absl::StatusOr<StreamId> AttachStream(std::weak_ptr<StreamSink> sink);
  void DetachStream(StreamId id);

  // ---- Answers.

  // Comes once, with no lock held: at once from this thread; of what waits for
  // a file system, from another, when that has answered, the session has ended
  // or the server stops.
  //   Errors: beside those of each method, RESOURCE_EXHAUSTED
  //     (LIMIT_FILE_CALLS, QUOTA_FILE_CALLS).
  template <class T>
  using AnswerTo = std::function<void(absl::StatusOr<T>)>;

  // ---- Handles. (session_handles.cc)

  absl::StatusOr<std::pair<HandleInfo, HandleInfo>> CreatePipe(
      absl::string_view reader_name, absl::string_view writer_name,
      std::int64_t capacity_bytes);
  absl::StatusOr<std::pair<HandleInfo, HandleInfo>> CreateSocketPair(
      absl::string_view first_name, absl::string_view second_name, int type);
  // Of one file, calls are done one after another. A call that was given up
  // is done all the same when its file system answers.
  void Read(const Reference& handle, const ReadRequest& request,
            AnswerTo<ReadResult> answer);
  void Write(const Reference& handle, const WriteRequest& request,
             AnswerTo<WriteResult> answer);
  void Transfer(const Reference& from, const Reference& to,
                std::int64_t max_bytes, AnswerTo<TransferResult> answer);
  absl::Status ShutdownHandle(const Reference& handle, int how);
  // Of a socket also its error; see TakeSocketError.
  absl::StatusOr<HandleInfo> GetHandle(const Reference& handle);
  absl::StatusOr<std::vector<HandleInfo>> ListHandles(std::int64_t after,
                                                      std::size_t count);
  // As ListHandles, with less of each and one poll(2) for all of them.
  // Registrations are as they were when the first page was asked for.
  absl::StatusOr<std::vector<HandleSample>> SampleHandles(std::int64_t after,
                                                          std::size_t count);
  // The limits that the session was made with.
  const Limits& limits() const { return *context_.limits; }
  // Takes the handle out at once. With OK `closed` is called when its
  // descriptor is closed as well, or the server stops: from this thread, or
  // from another when that may block.
  using Closed = std::function<void()>;
  absl::Status CloseHandle(const Reference& handle,
                           const Closed& closed = nullptr);

  // ---- Descriptors handed over and out. (session_passing.cc)

  // Takes in each of `handles` (of TakePassed), or none at all. There is a name
  // for each, which may be empty, or there are no names. What is not taken in
  // is left there, since closing it may block.
  //   Errors: INVALID_ARGUMENT (NAMES_DIFFER, BAD_NAME), ALREADY_EXISTS
  //     (NAME_TAKEN), RESOURCE_EXHAUSTED.
  absl::StatusOr<std::vector<HandleInfo>> Adopt(
      std::vector<Handle>& handles, absl::Span<const std::string> names);
  // The same in weak custody: registers each with `selector`. Borrows the
  // descriptors, which are to be closed afterwards where that may block.
  //   Errors: as Adopt; NOT_FOUND; INVALID_ARGUMENT (WRONG_KIND); those of
  //     Selector::RegisterWeakly.
  absl::StatusOr<std::vector<HandleInfo>> AdoptWeakly(
      absl::Span<const UniqueFd> descriptors,
      absl::Span<const std::string> names, const Reference& selector,
      const Interest& interest);
  // A duplicate of the handle's descriptor, and one that polls readable while
  // the selector has something to report.
  //   Errors: NOT_FOUND; RESOURCE_EXHAUSTED (EMFILE, ENFILE).
  absl::StatusOr<UniqueFd> FetchHandle(const Reference& handle);
  absl::StatusOr<UniqueFd> FetchSelector(const Reference& selector);

  // ---- Sockets. (session_sockets.cc)
  // Addresses are as SocketAddress reads them, and are judged by the owner's
  // policy.

  // `backlog` 0 is a common one.
  void Listen(absl::string_view name, absl::string_view address,
              std::int64_t backlog, AnswerTo<HandleInfo> answer);
  // The connection that has waited longest, as a handle called `name`.
  struct AcceptResult {
    absl::optional<HandleInfo> handle;  // none: nobody waits
    ReadinessMark readiness;            // of the listener
  };
  absl::StatusOr<AcceptResult> Accept(const Reference& listener,
                                      absl::string_view name);
  void Connect(absl::string_view name, absl::string_view address,
               AnswerTo<HandleInfo> answer);
  // Either address may be empty, for none.
  void CreateDatagramSocket(absl::string_view name, absl::string_view local,
                            absl::string_view peer,
                            AnswerTo<HandleInfo> answer);

  // ---- Timers, counters, files and watches. (session_sources.cc)

  absl::StatusOr<HandleInfo> CreateTimer(absl::string_view name,
                                         const TimerSpec& spec);
  absl::StatusOr<HandleInfo> CreateCounter(absl::string_view name,
                                           std::uint64_t initial,
                                           bool semaphore);
  // Paths are absolute, and judged by the owner's policy.
  void OpenFile(absl::string_view name, absl::string_view path,
                const FileOptions& options, AnswerTo<HandleInfo> answer);
  void WatchPath(absl::string_view name, absl::string_view path,
                 std::uint32_t events, AnswerTo<HandleInfo> answer);

  // ---- Child processes. (session_processes.cc)

  // Starts a child. `answer` comes once, with no lock held: at once from this
  // thread, or from the spawner's when the program runs or has failed to.
  //   Errors: see farpoll.v1.HandleService.Spawn.
  using SpawnAnswer = std::function<void(absl::StatusOr<SpawnedChild>)>;
  void Spawn(ChildRequest request, SpawnAnswer answer);
  absl::Status Signal(const Reference& process, int signal, bool group);
  absl::Status Resize(const Reference& pty, const TerminalSize& size);

  // ---- Selectors. (session_selectors.cc)

  absl::StatusOr<SelectorInfo> CreateSelector(SelectorKind kind,
                                              absl::string_view name);
  absl::StatusOr<SelectorInfo> GetSelector(const Reference& selector);
  absl::StatusOr<std::vector<SelectorInfo>> ListSelectors(std::int64_t after,
                                                          std::size_t count);
  absl::Status CloseSelector(const Reference& selector);
  // Applies `changes` in order, each by itself.
  //   Errors: of the call: NOT_FOUND; INVALID_ARGUMENT for none or more than
  //     max_changes. Of an item: see Selector.
  absl::StatusOr<std::vector<ChangeOutcome>> Apply(
      const Reference& selector, absl::Span<const Change> changes);
  absl::StatusOr<std::vector<RegistrationInfo>> ListRegistrations(
      const Reference& selector, std::int64_t after, std::size_t count);
  absl::StatusOr<RegistrationInfo> GetRegistration(const Reference& selector,
                                                   const Reference& handle);

  // ---- Waits. (session_waits.cc)

  struct WaitRequest {
    Reference selector;
    std::int64_t credits = 1;
    std::int64_t max_events = 0;  // 0: as many as may be
    Timeout timeout = Timeout::Forever();
    bool with_names = false;
    absl::optional<std::int64_t> resume_after;
    // One result, in order of registration, no acknowledgement: a Poll.
    bool single = false;
    // Ends the wait that is in progress on the selector, with ABORTED
    // (TAKEN_OVER).
    bool take_over = false;
    // How long a result may grow.
    absl::Duration batch_delay = absl::ZeroDuration();
    // A notice follows so much silence; absent: none.
    absl::optional<absl::Duration> progress_interval = absl::nullopt;
  };

  // Begins a wait; it holds the lease. `sink` is kept weakly. Nothing is
  // reported before the first TakeResult(). A `single` one that finds another
  // in progress, and does not take over, looks once without taking anything
  // when its timeout is zero. Otherwise it waits for the other one's end, and
  // after busy_patience_ms its sink is told EBUSY by OnEnded.
  //   Errors: NOT_FOUND; those of Waiter::Begin and CheckTimeout;
  //     INVALID_ARGUMENT (LIMIT_EVENTS, LIMIT_BATCH_DELAY,
  //     LIMIT_PROGRESS_INTERVAL); RESOURCE_EXHAUSTED (LIMIT_SESSION_STREAMS).
  absl::StatusOr<StreamId> BeginWait(const WaitRequest& request,
                                     std::weak_ptr<WaitSink> sink);
  // The next result, or none: then OnReady follows when it is worth asking
  // again. A `single` wait is over when it has given its result.
  absl::optional<NamedResult> TakeResult(StreamId wait);
  // Whether the wait still has a credit to use.
  bool HasCredit(StreamId wait);
  absl::Status Grant(StreamId wait, std::int64_t acknowledge,
                     std::int64_t credits);
  // Apply() on the selector of a wait.
  absl::StatusOr<std::vector<ChangeOutcome>> ApplyInWait(
      StreamId wait, absl::Span<const Change> changes);
  // Ends a wait; ignores one that is over. Results not acknowledged stay.
  void EndWait(StreamId wait);
  // A result of a `single` wait did not reach its client.
  void GiveBack(const Reference& selector, const Result& result);

  struct SelectRequest {
    std::vector<Reference> read;
    std::vector<Reference> write;
    std::vector<Reference> except;
    Timeout timeout = Timeout::Forever();
  };
  // select(2) without a selector: either the answer at once, or a wait on a
  // selector that exists for it alone.
  //   Errors: NOT_FOUND, INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  struct SelectStart {
    absl::optional<SelectSets> answer;
    StreamId wait = 0;  // when there is no answer yet
  };
  absl::StatusOr<SelectStart> BeginSelect(const SelectRequest& request,
                                          std::weak_ptr<WaitSink> sink);
  // The answer of a Select that waits, or none yet.
  //   Errors: FAILED_PRECONDITION (EBADF): a listed handle was closed.
  absl::optional<absl::StatusOr<SelectSets>> TakeSelect(StreamId wait);

  // ---- Control. (session_control.cc)

  struct ControlRequest {
    Reference selector;
    std::vector<Change> changes;  // of kKevent
    std::int64_t max_events = 0;  // room, as in kevent(2); an answer's at most
    Timeout timeout = Timeout::Forever();
    bool with_names = false;
  };
  // kevent(2) on a kqueue: applies the changes, and then either has the answer
  // at once or waits. Any number may wait on a queue, beside a Wait.
  //   Errors: NOT_FOUND; INVALID_ARGUMENT (EINVAL: not a kqueue, negative
  //     max_events or timeout, too many changes); that of a change whose entry
  //     has no room; RESOURCE_EXHAUSTED (LIMIT_SESSION_STREAMS).
  struct ControlStart {
    absl::optional<NamedResult> answer;
    StreamId wait = 0;  // when there is no answer yet
  };
  absl::StatusOr<ControlStart> BeginControl(const ControlRequest& request,
                                            std::weak_ptr<WaitSink> sink);

 private:
  struct SelectorEntry;
  struct Wait;
  struct SelectLists;
  struct PendingChild;

  // ---- Work by the side. (session_aside.h)

  struct Aside;
  // To be called with no lock held.
  using Start = absl::AnyInvocable<void()>;
  using EndAside = std::function<void(const absl::Status&)>;
  using LateMaker = absl::AnyInvocable<absl::StatusOr<Handle>()>;
  // Does `work` on the pool. `settle` then makes an answer of what it made,
  // under the lock; it also runs when the server stops before.
  template <class Made, class T>
  void RunAside(
      Aside aside, absl::AnyInvocable<absl::StatusOr<Made>()> work,
      absl::AnyInvocable<absl::StatusOr<T>(absl::StatusOr<Made>)> settle,
      AnswerTo<T> answer);
  // Calls `end` when the session ends, which may be now; its key in asides_.
  std::int64_t NoteAside(EndAside end);
  // Takes a place among max_file_calls.
  absl::StatusOr<Aside> StepAside(std::shared_ptr<BlockingPool::Lane> lane);
  // Where a handle's calls go, one after another.
  std::shared_ptr<BlockingPool::Lane> LaneOf(std::int64_t handle_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Null when it was closed.
  Handle* HandleById(std::int64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // As MakeHandle, but that `make` may block. Takes the lock.
  void MakeAside(absl::string_view name, LateMaker make,
                 AnswerTo<HandleInfo> answer);
  absl::StatusOr<HandleInfo> AddMade(const std::string& name,
                                     absl::StatusOr<Handle> made,
                                     BlockingPool::Lane& lane)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // MakeAside for what has to do with a path, else MakeHandle.
  void MakeAsideIf(bool has_path, absl::string_view name, LateMaker make,
                   AnswerTo<HandleInfo> answer);
  // With OK `answer` is taken.
  absl::StatusOr<Start> ReadAside(Aside aside, const Handle& file,
                                  const ReadOptions& options,
                                  AnswerTo<ReadResult>& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Start> WriteAside(Aside aside, const Handle& file,
                                   const WriteRequest& request,
                                   const absl::optional<Endpoint>& destination,
                                   AnswerTo<WriteResult>& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Start> TransferAside(Aside aside, Handle& source,
                                      Handle& destination,
                                      std::size_t max_bytes,
                                      AnswerTo<TransferResult>& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::shared_ptr<HeldBytes>> Lend(Handle& source, Handle& aside)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // A process whose handle was closed, for Children to end without the lock.
  using ClosedChild = std::pair<std::unique_ptr<Process>, UniqueFd>;
  void EndChildren(std::vector<ClosedChild> children);

  // What is left to do without the lock.
  using Wakeups = std::vector<std::weak_ptr<WaitSink>>;
  static void Wake(const Wakeups& sinks);

  // Ends the waits, forgets the streams, and returns who is to be told.
  std::vector<std::weak_ptr<StreamSink>> TakeStreams()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void TellEnded(const std::vector<std::weak_ptr<StreamSink>>& sinks,
                        const absl::Status& why);

  absl::Status Alive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TouchLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<StreamId> AttachLocked(std::weak_ptr<StreamSink> sink)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DetachLocked(StreamId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  using FieldAndName = std::pair<absl::string_view, absl::string_view>;
  // Whether the session lives, and new handles may have these names.
  absl::Status CheckNewNames(absl::Span<const FieldAndName> fields_and_names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same, and takes the quota for as many handles.
  absl::Status CheckNewHandles(absl::Span<const FieldAndName> fields_and_names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes one handle called `name`: checks the name, takes the quota, and gives
  // it back when `make` fails. `make` runs under the lock and leaves the id,
  // the name and the time to this.
  using HandleMaker = absl::FunctionRef<absl::StatusOr<Handle>()>;
  absl::StatusOr<HandleInfo> MakeHandle(absl::string_view name,
                                        HandleMaker make)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes in a handle whose quota is taken; gives it an id and its time.
  Handle& AddHandle(Handle handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a handle out; EndChildren does the rest without the lock. `closed`
  // (see CloseHandle) is emptied if it is to be called from elsewhere.
  void RemoveHandle(std::int64_t id, std::vector<ClosedChild>* children,
                    Closed* closed = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Closes a handle that is in no list any more, on a thread that may block.
  void CloseElsewhere(Handle handle, Closed* closed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::pair<HandleInfo, HandleInfo>> AddPair(
      absl::StatusOr<DescriptorPair> descriptors, Handle first, Handle second)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The address that `text`, the request's `field`, writes, if the policy lets
  // the owner use it so.
  absl::StatusOr<Endpoint> Authorize(absl::string_view text,
                                     absl::string_view field, Verb verb);
  absl::StatusOr<Handle*> FindHandle(const Reference& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // One with a descriptor.
  //   Errors: NOT_FOUND; FAILED_PRECONDITION (EBADF, WEAK_HANDLE).
  absl::StatusOr<Handle*> FindHeld(const Reference& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<HandleInfo> AdoptOneWeakly(SelectorEntry& entry, int fd,
                                            absl::string_view name,
                                            const Interest& interest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What a child is to be, without its descriptors.
  absl::StatusOr<LaunchPlan> PlanChild(ChildRequest& request);
  // Takes names and quotas for a child, and gives back those not used.
  absl::Status Reserve(PendingChild& child);
  void Unreserve(const PendingChild& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SpawnedChild> FinishSpawn(
      PendingChild& pending, absl::StatusOr<LaunchedChild> launched);
  HandleInfo Describe(const Handle& handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Selectors that a handle is registered with. They alone know: a registration
  // also ends with a one-shot's report, and comes back when that is lost.
  std::size_t RegistrationsOf(std::int64_t handle_id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Target TargetOf(std::int64_t handle_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Goes over the registrations of all selectors, if any changed since.
  void SampleRegistrations() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::StatusOr<SelectorEntry*> AddSelector(SelectorKind kind,
                                             absl::string_view name,
                                             bool hidden)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SelectorEntry*> FindSelector(const Reference& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SelectorInfo Describe(const SelectorEntry& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::vector<ChangeOutcome>> ApplyLocked(
      SelectorEntry& entry, absl::Span<const Change> changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ChangeOutcome ApplyOne(SelectorEntry& entry, const Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::int64_t> ApplyKevent(SelectorEntry& entry,
                                           const Kevent& kevent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The change's kevent, with the handle that it names as ident.
  //   Errors: FAILED_PRECONDITION (EBADF): no handle has the name.
  absl::StatusOr<Kevent> Resolve(const Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // INVALID_ARGUMENT (EINVAL, WRONG_KIND) unless the entry is a kqueue, or is
  // none, as asked.
  static absl::Status CheckIsKqueue(const SelectorEntry& entry, bool kqueue);
  absl::StatusOr<std::vector<TakenKevent>> ApplyControl(
      SelectorEntry& entry, const ControlRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckBounds(const ControlRequest& request) const;
  std::size_t RoomOf(const ControlRequest& request) const;
  // INVALID_ARGUMENT (LIMIT_EVENTS) for fewer than 0 or more than `most`.
  static absl::Status CheckRoom(std::int64_t max_events, std::int64_t most);
  // How many events an answer of a Poll or Control has room for.
  std::int64_t RoomInAnswer(bool with_names) const;
  // INVALID_ARGUMENT (LIMIT_BATCH_DELAY, LIMIT_PROGRESS_INTERVAL).
  absl::Status CheckPace(const WaitRequest& request) const;
  // Applies the changes and, if none gave an entry, takes what is ready.
  absl::StatusOr<Result> ControlNow(SelectorEntry& entry,
                                    const ControlRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<Result> TakeControl(const Wait& wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Entries of changes go by the names that the changes used.
  NamedResult NameControl(Result result, const ControlRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  NamedResult Name(Result result, bool with_names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes the selector apart; its wait, if any, ends without a word.
  void EraseSelector(std::int64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has the selectors see the bytes that came back to handles from a waiter.
  void TellReturned(Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::StatusOr<StreamId> BeginWaitLocked(SelectorEntry& entry,
                                           const WaitRequest& request,
                                           std::weak_ptr<WaitSink> sink)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the waiter is to do for a request whose timeout was judged.
  WaitOptions OptionsOf(const WaitRequest& request, absl::Duration timeout,
                        std::int64_t most_events) const;
  // Null when the wait is over.
  Wait* FindWait(StreamId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SelectorEntry& SelectorOf(const Wait& wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<Result> TakeLocked(Wait& wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How the processes ended that a result reports.
  std::vector<std::pair<std::size_t, ExitStatus>> ExitsIn(const Result& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has the reactor look after readiness and the deadline.
  void Arm(Wait& wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Who waits on a selector.
  void AddWaiters(const SelectorEntry& entry, Wakeups* sinks)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndWaitLocked(StreamId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // ---- Polls beside a wait in progress. (session_polls.cc)
  void BeginBeside(SelectorEntry& entry, Wait& wait, const WaitOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // No wait is in progress any more: begins the Poll that waited longest.
  void BeginNextPoll(SelectorEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the Polls that have waited too long, and returns who is to be told.
  std::vector<std::weak_ptr<StreamSink>> DropLatePolls(SelectorEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Result LookBeside(const Wait& wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Forgets a wait, with its timer and its hold on the lease; null when it is
  // over.
  std::unique_ptr<Wait> DropWait(StreamId id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SelectLists> Resolve(const SelectRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SelectSets> LookOnce(const SelectLists& lists)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // On the reactor's thread: something about a selector's wait changed.
  void OnSelectorReady(std::int64_t selector_id);
  // What the reactor runs for a selector; holds the session weakly.
  Reactor::Callback WakeCallback(std::int64_t selector_id);

  const std::string id_;
  const std::string name_;
  const absl::Duration ttl_;
  const Principal owner_;
  const SessionContext context_;
  const MonotonicTime created_;
  // Where handles are closed whose closing may block.
  const std::unique_ptr<BlockingPool::Lane> closing_;
  // What is left to it, should a handle go by any other way.
  class LaneCloser;
  const std::unique_ptr<FdCloser> closer_;

  Mutex mu_;
  absl::Status ended_ ABSL_GUARDED_BY(mu_);
  MonotonicTime lease_end_ ABSL_GUARDED_BY(mu_);
  // Ordered by id, which is the order of lists.
  std::map<std::int64_t, Handle> handles_ ABSL_GUARDED_BY(mu_);
  // Those of handles that are still being made name 0.
  absl::flat_hash_map<std::string, std::int64_t> handle_names_
      ABSL_GUARDED_BY(mu_);
  // Of files that were used, and calls that wait for one.
  absl::flat_hash_map<std::int64_t, std::shared_ptr<BlockingPool::Lane>>
      file_lanes_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::int64_t, EndAside> asides_ ABSL_GUARDED_BY(mu_);
  std::int64_t last_aside_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t weak_handles_ ABSL_GUARDED_BY(mu_) = 0;  // among handles_
  // Of children that are being started; their handles are in no list yet.
  std::int64_t reserved_handles_ ABSL_GUARDED_BY(mu_) = 0;
  // Those that are being started included.
  std::int64_t processes_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::int64_t, std::unique_ptr<SelectorEntry>> selectors_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, std::int64_t> selector_names_
      ABSL_GUARDED_BY(mu_);
  std::int64_t hidden_selectors_ ABSL_GUARDED_BY(mu_) = 0;
  // Counts the changes of registrations, and how many of them are sampled.
  std::int64_t registration_changes_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t sampled_changes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::int64_t, std::vector<SampledRegistration>>
      sampled_registrations_ ABSL_GUARDED_BY(mu_);  // by handle
  // Everything that holds the lease; waits are streams too.
  absl::flat_hash_map<StreamId, std::weak_ptr<StreamSink>> streams_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<StreamId, std::unique_ptr<Wait>> waits_
      ABSL_GUARDED_BY(mu_);
  StreamId last_stream_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_SESSION_H_
