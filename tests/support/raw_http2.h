// tests/support/raw_http2.h: room: tests. An HTTP/2 client that keeps to no
// rules: it sends the frames that it is told to, and reads only to make room.
// Threads: one.
// Source: RFC 9113.
#ifndef FARPOLL_TESTS_SUPPORT_RAW_HTTP2_H_
#define FARPOLL_TESTS_SUPPORT_RAW_HTTP2_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace farpoll {

class RawHttp2 {
 public:
  // Connects to "HOST:PORT" of loopback and says the preface and empty
  // SETTINGS. Those of the server are never acknowledged.
  explicit RawHttp2(const std::string& address);

  // Each of these sends a frame, and answers whether the server still takes
  // any.

  // The headers of a call of `path`, on a new stream, which is `stream()` then.
  bool StartCall(absl::string_view path);
  std::uint32_t stream() const { return stream_; }
  // Breaks `stream()` off.
  bool Reset();
  // Headers without an end, on a new stream; `bytes` of them.
  bool StartHeaders(std::size_t bytes);
  // More of them.
  bool ContinueHeaders(std::size_t bytes);

  // Waits for anything from the server; false when there is nothing more.
  bool AwaitAnswer();
  // Whether the server ends the connection, within 30 s.
  bool AwaitEnd();
  // Calls that the server has answered to the end so far.
  int answered() const { return answered_; }

 private:
  bool SendFrame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                 absl::string_view payload);
  bool Send(absl::string_view bytes);
  // Waits until `events` of poll(2), and reads what there is; false when the
  // server has ended the connection, or nothing happens for 30 s.
  bool Await(short events);
  bool Read();
  void CountAnswers();

  UniqueFd socket_;
  std::uint32_t stream_ = 0;
  std::string unread_;
  int answered_ = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_RAW_HTTP2_H_
