// client/handle.h: room: client. One descriptor that lives in the server.
// Threads: any, moving and destroying excepted.
#ifndef FARPOLL_CLIENT_HANDLE_H_
#define FARPOLL_CLIENT_HANDLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/kinds.pb.h"

namespace farpoll::client {

class Connection;

struct ReadOptions {
  std::int32_t max_bytes = 64 << 10;
  // Looks and takes nothing.
  bool peek = false;
  // Takes the urgent byte of a stream socket.
  bool out_of_band = false;
};

struct ReadResult {
  std::string data;
  // Nothing is there now; wait for kIn.
  bool would_block = false;
  // Nothing will ever come.
  bool end_of_file = false;
  // The message was longer than max_bytes.
  bool truncated = false;
  // Of a datagram: who sent it; may be empty.
  std::string source;
  // Of a timer: expirations. Of a counter: what was taken.
  std::uint64_t count = 0;
  // Of a watch: what happened.
  std::vector<v1::PathEvent> path_events;
  // Which events of the handle this is newer than: those whose
  // readiness_generation is not greater.
  v1::Readiness readiness;
};

struct WriteOptions {
  // Sends it as urgent data.
  bool out_of_band = false;
  // Of a datagram: whom to send it to; empty = its peer.
  std::string destination;
};

struct WriteResult {
  std::int32_t bytes_written = 0;
  // No room for (the rest of) the data now; wait for kOut.
  bool would_block = false;
  v1::Readiness readiness;
};

// Closes the handle when it goes, if it made it and was not Release()d.
class Handle {
 public:
  // One just made, owned.
  Handle(std::shared_ptr<Connection> connection, std::string session,
         const v1::Handle& made);
  // One by name or id, not owned.
  Handle(std::shared_ptr<Connection> connection, std::string session,
         absl::string_view name_or_id);
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();

  // As events name it; 0 for one that was attached by name.
  std::int64_t id() const { return ref_.id(); }
  // May be empty.
  const std::string& name() const { return name_; }
  const v1::HandleRef& ref() const { return ref_; }

  // Leaves the handle to its session.
  void Release() { owned_ = false; }
  // Closes it now, owned or not. Selectors report kInvalid for it once.
  absl::Status Close();

  // Takes what is there, up to `max_bytes`; never blocks.
  absl::StatusOr<ReadResult> Read(std::int32_t max_bytes = 64 << 10);
  absl::StatusOr<ReadResult> Read(const ReadOptions& options);
  // Writes what fits; never blocks. At most PIPE_BUF bytes to a pipe go in one
  // piece or not at all.
  //   Errors: FAILED_PRECONDITION (EPIPE: nobody reads any more).
  absl::StatusOr<WriteResult> Write(absl::string_view data,
                                    const WriteOptions& options = {});
  // Adds to a counter; would_block when it has no room for that now.
  absl::StatusOr<WriteResult> Add(std::uint64_t count);
  // Takes a connection that waits at a listener, under a name that may be
  // empty; none when nobody waits: wait for kIn. It is closed when the returned
  // object goes.
  absl::StatusOr<absl::optional<Handle>> Accept(absl::string_view name = "");
  // Moves up to `max_bytes` of what is there to `to`, within the server; what
  // does not fit stays. Never blocks.
  absl::StatusOr<v1::TransferResponse> TransferTo(
      const Handle& to, std::int32_t max_bytes = 1 << 20);
  // shutdown(2).
  //   Errors: FAILED_PRECONDITION (ENOTSOCK).
  absl::Status Shutdown(v1::Direction direction);
  // A duplicate of its descriptor, to be used in this process; it shares the
  // open file, which does not block.
  //   Errors: FAILED_PRECONDITION (NOT_LOCAL): the server is reached over TCP;
  //     those of farpoll/v1/passing.proto.
  absl::StatusOr<UniqueFd> Fetch();
  // Sends a signal to a child process, or to its whole process group.
  //   Errors: INVALID_ARGUMENT (EINVAL: no such signal, or no process),
  //     FAILED_PRECONDITION (ESRCH: it has ended).
  absl::Status Signal(int signal, bool group = false);
  // Sets the size of a terminal, in characters.
  //   Errors: INVALID_ARGUMENT (EINVAL: a size over 65,535, or no terminal).
  absl::Status Resize(std::int32_t rows, std::int32_t columns);
  // The handle as it is.
  absl::StatusOr<v1::Handle> Describe();

 private:
  absl::StatusOr<WriteResult> Send(v1::WriteRequest request);

  std::shared_ptr<Connection> connection_;
  std::string session_;
  v1::HandleRef ref_;
  std::string name_;
  bool owned_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::Handle;
using client::ReadOptions;
using client::ReadResult;
using client::WriteOptions;
using client::WriteResult;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_HANDLE_H_
