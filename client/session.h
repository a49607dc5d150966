// client/session.h: room: client. One session of a server: the owner of handles
// and selectors.
// Threads: any, moving and destroying excepted.
#ifndef FARPOLL_CLIENT_SESSION_H_
#define FARPOLL_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/timeout.h"
#include "client/handle.h"
#include "client/selector.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/kinds.pb.h"
#include "farpoll/v1/observer.pb.h"
#include "farpoll/v1/passing.pb.h"
#include "farpoll/v1/process.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "farpoll/v1/session.pb.h"

namespace farpoll::client {

class Connection;
class LeaseStream;
class ObserveStream;

struct PipeOptions {
  // Unique in the session; may be empty.
  std::string reader_name;
  std::string writer_name;
  // Room in bytes; 0 = the kernel's default.
  std::int32_t capacity_bytes = 0;
};

struct Pipe {
  Handle reader;
  Handle writer;
};

struct SocketPairOptions {
  // Unique in the session; may be empty.
  std::string first_name;
  std::string second_name;
  v1::SocketType type = v1::SOCKET_TYPE_STREAM;
};

struct SocketPair {
  Handle first;
  Handle second;
};

// A child process: the process itself, and the server's ends of its
// descriptors.
struct Child {
  Handle process;
  // By their roles: "io", "pty", "in", "out", "err" or "fdN".
  std::map<std::string, Handle, std::less<>> ends;
  std::int32_t pid = 0;

  // The end of that role; null when the child has none.
  Handle* end(absl::string_view role);
};

// Positions in the lists given to Select, in their order.
struct SelectPositions {
  std::vector<int> read;
  std::vector<int> write;
  std::vector<int> except;
};

// Ends the session when it goes, if it made it and was not Release()d.
class Session {
 public:
  Session(std::shared_ptr<Connection> connection, std::string name_or_id,
          bool owned);
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;
  ~Session();

  // As given: the id of one made here, the name or id of an attached one.
  const std::string& id() const { return id_; }
  // Leaves the session to its lease.
  void Release() { owned_ = false; }
  // Ends it now, owned or not, with everything in it.
  absl::Status Close();

  // The session as it is; also renews its lease.
  absl::StatusOr<v1::Session> Describe();
  // Keeps the lease from running out for as long as this object lives and the
  // connection lasts, by an open stream. Calling it again opens a new one.
  absl::Status HoldLease();

  // Makes a pipe, or a pair of connected sockets. They are closed when the
  // returned objects go.
  absl::StatusOr<Pipe> CreatePipe(const PipeOptions& options = {});
  absl::StatusOr<SocketPair> CreateSocketPair(
      const SocketPairOptions& options = {});
  // Starts a child process; `request` says what, its session is set here.
  //   Errors: see HandleService.Spawn of farpoll/v1/handle.proto.
  absl::StatusOr<Child> Spawn(v1::SpawnRequest request);

  // The makers below take requests whose session is set here. What they make is
  // closed when the returned object goes.
  //   Errors: see HandleService of farpoll/v1/handle.proto.
  absl::StatusOr<Handle> Listen(v1::ListenRequest request);
  // The handle is writable when it is established or has failed; Describe()
  // tells which.
  absl::StatusOr<Handle> Connect(v1::ConnectRequest request);
  absl::StatusOr<Handle> CreateDatagramSocket(
      v1::CreateDatagramSocketRequest request);
  absl::StatusOr<Handle> CreateTimer(v1::CreateTimerRequest request);
  absl::StatusOr<Handle> CreateCounter(v1::CreateCounterRequest request);
  absl::StatusOr<Handle> OpenFile(v1::OpenFileRequest request);
  absl::StatusOr<Handle> WatchPath(v1::WatchPathRequest request);

  // Reads `handle` to its end, waiting for readiness in between.
  //   Errors: those of Read; DEADLINE_EXCEEDED (ETIMEDOUT) when `timeout` is
  //     over, RESOURCE_EXHAUSTED (EFBIG) beyond `max_bytes`. What was read
  //     until then is lost.
  absl::StatusOr<std::string> ReadAll(Handle& handle, std::size_t max_bytes,
                                      Timeout timeout = Timeout::Forever());

  // Hands a duplicate of one of our own descriptors over to the server: a
  // handle of it that is closed when the returned object goes. Except for pipes
  // and terminals, the open file becomes non-blocking for everybody who holds
  // it.
  //   Errors: FAILED_PRECONDITION (NOT_LOCAL): the server is reached over TCP;
  //     those of farpoll/v1/passing.proto.
  absl::StatusOr<Handle> Pass(int fd, absl::string_view name = "");
  // The same in weak custody: the server registers `fd` with `selector`, for
  // edges of `events`, and holds no copy of it. The handle gives events for as
  // long as anybody holds the open file, and nothing else.
  //   Errors: also NOT_FOUND, INVALID_ARGUMENT (a kqueue), PERMISSION_DENIED
  //     (EPERM: a file that is always ready), ALREADY_EXISTS (EEXIST: passed
  //     there too often), RESOURCE_EXHAUSTED (LIMIT_WEAK_HANDLES, ENOSPC).
  absl::StatusOr<Handle> PassWeakly(int fd, const Selector& selector,
                                    Events events, absl::string_view name = "",
                                    std::uint64_t cookie = 0);
  // Uses a handle by name or id, without owning it. Makes no call.
  Handle AttachHandle(absl::string_view name_or_id);
  // All handles, in order of their ids.
  absl::StatusOr<std::vector<v1::Handle>> ListHandles();

  // Makes a selector; it is closed when the returned object goes.
  absl::StatusOr<Selector> CreateSelector(
      v1::SelectorKind kind = v1::SELECTOR_KIND_DEFAULT,
      absl::string_view name = "");
  // Uses a selector by name or id, without owning it. Makes no call.
  Selector AttachSelector(absl::string_view name_or_id);
  // All selectors, in order of their ids.
  absl::StatusOr<std::vector<v1::Selector>> ListSelectors();

  // select(2) over handles by name or id: which may be read, written, or have
  // urgent data. A timeout gives an empty result.
  //   Errors: INVALID_ARGUMENT (EINVAL) for a negative timeout, NOT_FOUND for
  //     an unknown handle.
  absl::StatusOr<SelectPositions> Select(absl::Span<const std::string> read,
                                         absl::Span<const std::string> write,
                                         absl::Span<const std::string> except,
                                         Timeout timeout = Timeout::Forever());

  // Shows the handles as they change, without taking events from anybody;
  // `request` says which and how often, its session is set here. See
  // client/observe_stream.h.
  ObserveStream Observe(v1::ObserveRequest request);

 private:
  // Weak custody if there is `weak`.
  absl::StatusOr<Handle> HandOver(int fd, absl::string_view name,
                                  const v1::WeakCustody* weak);
  template <class Response, class Request, class Method>
  absl::StatusOr<Handle> Make(Request& request, Method method);

  std::shared_ptr<Connection> connection_;
  std::string id_;
  bool owned_;
  std::unique_ptr<LeaseStream> lease_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::Child;
using client::Pipe;
using client::PipeOptions;
using client::SelectPositions;
using client::Session;
using client::SocketPair;
using client::SocketPairOptions;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_SESSION_H_
