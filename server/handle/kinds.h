// server/handle/kinds.h: room: server/handle. Every kind of handle there is, in
// one table: its number, its name and what can be taken from it and put into
// it. A new kind is a row here, a value of farpoll.v1.HandleKind with the same
// number, and a maker beside this file.
// Threads: plain values.
#ifndef FARPOLL_SERVER_HANDLE_KINDS_H_
#define FARPOLL_SERVER_HANDLE_KINDS_H_

#include <cstddef>
#include <iterator>

#include "absl/strings/string_view.h"

namespace farpoll::server {

// The numbers are those of the wire.
enum class HandleKind {
  kPipeReader = 1,
  kPipeWriter = 2,
  kSocket = 3,  // one end of a socket pair
  kProcess = 4,
  kPty = 5,  // the master side
  kListener = 6,
  kConnection = 7,
  kDatagramSocket = 8,
  kTimer = 9,
  kCounter = 10,
  kFile = 11,
  kWatch = 12,
  kPassed = 13,  // handed over by a local program
  kWeak = 14,    // the same in weak custody: has no descriptor
};

// What a Read takes or a Write puts in.
enum class Content {
  kNothing,     // refused with EBADF
  kBytes,       // a stream's bytes, or a message socket's messages
  kCount,       // one number: expirations, or the value of a counter
  kPathEvents,  // what happened to a watched path
};

// Whether close(2) may block, by what others did to the open file. Sockets are
// among them: a Unix one may hold descriptors that are on their way to it. So
// are watches, which hold a file of somebody's file system.
enum class Closing { kAtOnce, kMayBlock };

struct KindInfo {
  HandleKind kind;
  absl::string_view name;  // for people
  Content reads;
  Content writes;
  Closing closing;
};

// In order of their numbers, from 1 on.
inline constexpr KindInfo kHandleKinds[] = {
    {HandleKind::kPipeReader, "pipe-reader", Content::kBytes, Content::kNothing,
     Closing::kAtOnce},
    {HandleKind::kPipeWriter, "pipe-writer", Content::kNothing, Content::kBytes,
     Closing::kAtOnce},
    {HandleKind::kSocket, "socket", Content::kBytes, Content::kBytes,
     Closing::kMayBlock},
    {HandleKind::kProcess, "process", Content::kNothing, Content::kNothing,
     Closing::kAtOnce},
    {HandleKind::kPty, "pty", Content::kBytes, Content::kBytes,
     Closing::kAtOnce},
    {HandleKind::kListener, "listener", Content::kNothing, Content::kNothing,
     Closing::kMayBlock},
    {HandleKind::kConnection, "connection", Content::kBytes, Content::kBytes,
     Closing::kMayBlock},
    {HandleKind::kDatagramSocket, "datagram-socket", Content::kBytes,
     Content::kBytes, Closing::kMayBlock},
    {HandleKind::kTimer, "timer", Content::kCount, Content::kNothing,
     Closing::kAtOnce},
    {HandleKind::kCounter, "counter", Content::kCount, Content::kCount,
     Closing::kAtOnce},
    {HandleKind::kFile, "file", Content::kBytes, Content::kBytes,
     Closing::kMayBlock},
    {HandleKind::kWatch, "watch", Content::kPathEvents, Content::kNothing,
     Closing::kMayBlock},
    {HandleKind::kPassed, "passed", Content::kBytes, Content::kBytes,
     Closing::kMayBlock},
    {HandleKind::kWeak, "weak", Content::kNothing, Content::kNothing,
     Closing::kAtOnce},
};

// The row of `kind`.
constexpr const KindInfo& InfoOf(HandleKind kind) {
  return kHandleKinds[static_cast<std::size_t>(kind) - 1];
}

// InfoOf finds a row by its place.
constexpr bool KindsAreInOrder() {
  for (std::size_t i = 0; i < std::size(kHandleKinds); ++i) {
    if (static_cast<std::size_t>(kHandleKinds[i].kind) != i + 1) {
      return false;
    }
  }
  return true;
}
static_assert(KindsAreInOrder());

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_KINDS_H_
