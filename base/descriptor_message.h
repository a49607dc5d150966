// base/descriptor_message.h: room: base. Messages with descriptors over a Unix
// socket, as proto/farpoll/v1/passing.proto frames them. Used by server and
// client.
// Threads: as the socket's.
// Source: unix(7), SCM_RIGHTS; sendmsg(2), recvmsg(2).
#ifndef FARPOLL_BASE_DESCRIPTOR_MESSAGE_H_
#define FARPOLL_BASE_DESCRIPTOR_MESSAGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "base/unique_fd.h"

namespace farpoll {

// As many as the kernel takes at once (SCM_MAX_FD).
inline constexpr std::size_t kMostDescriptors = 253;
// Of the message behind its length.
inline constexpr std::size_t kMostMessageBytes = 64 << 10;

// Behind the server's socket's path comes this.
inline constexpr char kPassingSuffix[] = ".fd";

// What came in and makes no whole message yet.
struct DescriptorInbox {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

// Sends `message` with its length before it, and `descriptors`.
//   Errors: INVALID_ARGUMENT (LIMIT_DESCRIPTORS, BAD_MESSAGE: too many, too
//     long); that of sendmsg(2), UNAVAILABLE when it could not take all.
absl::Status SendMessage(int socket, absl::string_view message,
                         absl::Span<const int> descriptors);

// Adds what the socket has to `inbox`, in one call; false at its end. The
// descriptors are close-on-exec.
//   Errors: that of recvmsg(2), with EAGAIN when nothing is there;
//     RESOURCE_EXHAUSTED (EMFILE) when descriptors came that this process has
//     no room for; INVALID_ARGUMENT (LIMIT_DESCRIPTORS).
absl::StatusOr<bool> Receive(int socket, DescriptorInbox* inbox);

// Takes the message out of `inbox`, or nothing while it is incomplete; its
// descriptors stay for the caller.
//   Errors: INVALID_ARGUMENT (BAD_MESSAGE): longer than kMostMessageBytes, or
//     followed by another before it was answered.
absl::StatusOr<absl::optional<std::string>> TakeMessage(DescriptorInbox* inbox);

}  // namespace farpoll

#endif  // FARPOLL_BASE_DESCRIPTOR_MESSAGE_H_
