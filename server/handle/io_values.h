// server/handle/io_values.h: room: server/handle. What is asked of a Read or a
// Write, and what comes of it.
// Threads: plain values.
#ifndef FARPOLL_SERVER_HANDLE_IO_VALUES_H_
#define FARPOLL_SERVER_HANDLE_IO_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/readiness_mark.h"
#include "base/socket_address.h"
#include "server/handle/endpoint.h"
#include "server/handle/path_watch.h"

namespace farpoll::server {

struct ReadOptions {
  std::size_t max_bytes = 0;
  bool peek = false;         // look, take nothing
  bool out_of_band = false;  // the urgent byte of a stream socket
};

struct ReadResult {
  enum class Outcome { kData, kWouldBlock, kEndOfFile };
  Outcome outcome = Outcome::kWouldBlock;
  std::string data;
  bool truncated = false;                // a message was longer than max_bytes
  absl::optional<SocketAddress> source;  // of a datagram
  std::uint64_t count = 0;               // of a timer or a counter
  std::vector<PathEvent> path_events;    // of a watch
  ReadinessMark readiness;
};

struct WriteOptions {
  absl::string_view data;
  bool out_of_band = false;               // as urgent data
  const Endpoint* destination = nullptr;  // of a datagram
  absl::optional<std::uint64_t> count;    // for a counter
};

struct WriteResult {
  std::size_t bytes_written = 0;
  bool would_block = false;  // not all of it fitted
  ReadinessMark readiness;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_IO_VALUES_H_
