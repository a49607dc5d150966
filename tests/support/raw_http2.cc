#include "tests/support/raw_http2.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr int kPatienceMs = 30'000;
constexpr std::size_t kFrameHeader = 9;
// Frame types and flags.
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kResetStream = 3;
constexpr std::uint8_t kSettings = 4;
constexpr std::uint8_t kContinuation = 9;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;

void AppendNumber(std::uint32_t number, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(number >> shift));
  }
}

// A field that is written out and indexed nowhere (RFC 7541, 6.2.2).
std::string Field(absl::string_view name, absl::string_view value) {
  std::string field(1, '\0');
  for (const absl::string_view text : {name, value}) {
    field.push_back(static_cast<char>(text.size()));  // below 127
    absl::StrAppend(&field, text);
  }
  return field;
}

std::string Padding(std::size_t bytes) {
  std::string fields;
  const std::string value(100, 'x');
  while (fields.size() < bytes) {
    fields += Field("x-flood", value);
  }
  return fields;
}

}  // namespace

RawHttp2::RawHttp2(const std::string& address)
    : socket_(MustSucceed(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                          "socket")) {
  int port = 0;
  MustSucceed(
      absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port) ? 0 : -1,
      "port");
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MustSucceed(
      connect(socket_.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)),
      "connect");
  MustSucceed(fcntl(socket_.get(), F_SETFL, O_NONBLOCK), "fcntl");
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  SendFrame(kSettings, 0, 0, "");
}

bool RawHttp2::StartCall(absl::string_view path) {
  stream_ = stream_ == 0 ? 1 : stream_ + 2;
  return SendFrame(
      kHeaders, kEndHeaders, stream_,
      absl::StrCat(Field(":method", "POST"), Field(":scheme", "http"),
                   Field(":path", path), Field(":authority", "localhost"),
                   Field("content-type", "application/grpc"),
                   Field("te", "trailers")));
}

bool RawHttp2::Reset() {
  std::string cancel;
  AppendNumber(8, 4, &cancel);
  return SendFrame(kResetStream, 0, stream_, cancel);
}

bool RawHttp2::StartHeaders(std::size_t bytes) {
  stream_ = stream_ == 0 ? 1 : stream_ + 2;
  return SendFrame(kHeaders, 0, stream_, Padding(bytes));
}

bool RawHttp2::ContinueHeaders(std::size_t bytes) {
  return SendFrame(kContinuation, 0, stream_, Padding(bytes));
}

bool RawHttp2::AwaitAnswer() { return Await(POLLIN); }

bool RawHttp2::AwaitEnd() {
  while (Await(POLLIN)) {
  }
  char byte = 0;
  const ssize_t got = recv(socket_.get(), &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

bool RawHttp2::SendFrame(std::uint8_t type, std::uint8_t flags,
                         std::uint32_t stream, absl::string_view payload) {
  std::string frame;
  AppendNumber(static_cast<std::uint32_t>(payload.size()), 3, &frame);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  AppendNumber(stream, 4, &frame);
  absl::StrAppend(&frame, payload);
  return Send(frame);
}

bool RawHttp2::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !Await(POLLIN | POLLOUT)) {
      return false;
    }
  }
  return Read();
}

bool RawHttp2::Await(short events) {
  pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
  return poll(&ready, 1, kPatienceMs) > 0 && Read();
}

bool RawHttp2::Read() {
  char bytes[16384];
  for (;;) {
    const ssize_t got = recv(socket_.get(), bytes, sizeof(bytes), 0);
    if (got <= 0) {
      return got < 0 && errno == EAGAIN;
    }
    unread_.append(bytes, static_cast<std::size_t>(got));
    CountAnswers();
  }
}

void RawHttp2::CountAnswers() {
  std::size_t at = 0;
  const auto byte = [this](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(unread_[i]));
  };
  while (at + kFrameHeader <= unread_.size()) {
    const std::size_t size = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    if (at + kFrameHeader + size > unread_.size()) {
      break;
    }
    if (byte(at + 3) == kHeaders && (byte(at + 4) & kEndStream) != 0) {
      ++answered_;
    }
    at += kFrameHeader + size;
  }
  unread_.erase(0, at);
}

}  // namespace farpoll
