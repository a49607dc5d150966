// client/handle.h: room: client. One descriptor that lives in the server.
// Threads: any, moving and destroying excepted.
#ifndef FARPOLL_CLIENT_HANDLE_H_
#define FARPOLL_CLIENT_HANDLE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/handle.pb.h"

namespace farpoll::client {

class Connection;

struct ReadResult {
  std::string data;
  // Nothing is there now; wait for kIn.
  bool would_block = false;
  // Nothing will ever come.
  bool end_of_file = false;
};

struct WriteResult {
  std::int32_t bytes_written = 0;
  // No room for (the rest of) the data now; wait for kOut.
  bool would_block = false;
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
  // Writes what fits; never blocks. At most PIPE_BUF bytes to a pipe go in one
  // piece or not at all.
  //   Errors: FAILED_PRECONDITION (EPIPE: nobody reads any more).
  absl::StatusOr<WriteResult> Write(absl::string_view data);
  // shutdown(2).
  //   Errors: FAILED_PRECONDITION (ENOTSOCK).
  absl::Status Shutdown(v1::Direction direction);
  // The handle as it is.
  absl::StatusOr<v1::Handle> Describe();

 private:
  std::shared_ptr<Connection> connection_;
  std::string session_;
  v1::HandleRef ref_;
  std::string name_;
  bool owned_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::Handle;
using client::ReadResult;
using client::WriteResult;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_HANDLE_H_
