// tests/server/handle/handle_fixture.h: room: tests. What the tests of handles
// share: places in the file system and on the network, and short calls.
#ifndef FARPOLL_TESTS_SERVER_HANDLE_HANDLE_FIXTURE_H_
#define FARPOLL_TESTS_SERVER_HANDLE_HANDLE_FIXTURE_H_

#include <poll.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/socket_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/events.h"
#include "server/handle/endpoint.h"
#include "server/handle/handle.h"
#include "server/handle/io.h"
#include "server/handle/socket_state.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {

inline constexpr std::size_t kPlenty = 1 << 16;

// The reason in the detail of a status, or of a StatusOr's.
template <typename T>
std::string ReasonOf(const T& value) {
  return DetailOf(StatusOf(value)).reason;
}

// A value that must be there.
template <typename T>
T Must(absl::StatusOr<T> value) {
  EXPECT_THAT(value, IsOk());
  return *std::move(value);
}

inline Endpoint At(absl::string_view text) {
  return Endpoint{Must(SocketAddress::Parse(text, "address")), {}};
}
// A Unix path that must not leave `root`.
inline Endpoint Within(const std::string& root, const std::string& relative) {
  return Endpoint{
      Must(SocketAddress::Parse("unix:" + root + "/" + relative, "address")),
      RootedPath{root, relative}};
}
// Where a socket is bound.
inline Endpoint PlaceOf(const Handle& handle) {
  return At(DescribeSocket(handle).local);
}

// Returns when any of `wanted`, or an error or hang-up, is seen; fails the test
// after 10 s. What poll(2) then says, every bit asked.
inline Events Await(const Handle& handle, Events wanted) {
  pollfd entry{.fd = handle.fd.get(),
               .events = static_cast<short>(wanted),
               .revents = 0};
  EXPECT_EQ(poll(&entry, 1, 10'000), 1) << EventsToString(wanted);
  return SampleReadiness(handle);
}

inline absl::StatusOr<ReadResult> TryRead(Handle& handle,
                                          std::size_t max_bytes = kPlenty) {
  return ReadSome(handle, {.max_bytes = max_bytes});
}
// What a Read took: "DATA", or "(would block)" or "(end)".
inline std::string Text(const absl::StatusOr<ReadResult>& result) {
  EXPECT_THAT(result, IsOk());
  if (!result.ok()) {
    return "";
  }
  switch (result->outcome) {
    case ReadResult::Outcome::kWouldBlock:
      return "(would block)";
    case ReadResult::Outcome::kEndOfFile:
      return "(end)";
    case ReadResult::Outcome::kData:
      break;
  }
  return result->data;
}
inline std::string Take(Handle& handle, std::size_t max_bytes = kPlenty) {
  return Text(TryRead(handle, max_bytes));
}
inline std::string Peek(Handle& handle, std::size_t max_bytes = kPlenty) {
  return Text(ReadSome(handle, {.max_bytes = max_bytes, .peek = true}));
}
inline std::size_t Put(Handle& handle, absl::string_view data) {
  return Must(WriteSome(handle, {.data = data})).bytes_written;
}

// A handle of `kind` over a descriptor of the test's.
inline Handle Wrap(HandleKind kind, UniqueFd fd, int socket_type = 0) {
  static std::int64_t last_id = 0;
  return Handle{.id = ++last_id,
                .kind = kind,
                .fd = std::move(fd),
                .socket_type = socket_type};
}
struct HandlePair {
  Handle first;
  Handle second;
};
inline HandlePair WrapPipe() {
  Pipe pipe;
  return {Wrap(HandleKind::kPipeReader, std::move(pipe.read_end)),
          Wrap(HandleKind::kPipeWriter, std::move(pipe.write_end))};
}
inline HandlePair WrapPair(FdPair pair, int type) {
  return {Wrap(HandleKind::kSocket, std::move(pair.first), type),
          Wrap(HandleKind::kSocket, std::move(pair.second), type)};
}

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_HANDLE_HANDLE_FIXTURE_H_
