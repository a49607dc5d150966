#include "base/descriptor_message.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll {
namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

struct ControlRoom {
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> bytes = {};
};

absl::Status TooManyDescriptors() {
  return MakeError(EINVAL, "LIMIT_DESCRIPTORS", "descriptors",
                   absl::StrCat("a message carries at most ", kMostDescriptors,
                                " descriptors"));
}

absl::Status BadMessage(absl::string_view why) {
  return MakeError(EINVAL, "BAD_MESSAGE", "message", why);
}

// Moves the descriptors of `header` into `inbox`.
void TakeDescriptors(msghdr& header, DescriptorInbox* inbox) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      inbox->descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

absl::Status SendMessage(int socket, absl::string_view message,
                         absl::Span<const int> descriptors) {
  if (descriptors.size() > kMostDescriptors) {
    return TooManyDescriptors();
  }
  if (message.size() > kMostMessageBytes) {
    return BadMessage("the message is too long");
  }
  std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
  std::string bytes(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes.append(message.data(), message.size());
  iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  ControlRoom room;
  if (!descriptors.empty()) {
    header.msg_control = room.bytes.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    memcpy(CMSG_DATA(part), descriptors.data(),
           sizeof(int) * descriptors.size());
  }
  const ssize_t sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  if (sent < 0) {
    return ErrnoStatus(errno, "sendmsg");
  }
  if (static_cast<std::size_t>(sent) < bytes.size()) {
    return ErrnoStatus(EAGAIN, "sendmsg");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Receive(int socket, DescriptorInbox* inbox) {
  std::array<char, 4096> bytes;
  iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  ControlRoom room;
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = room.bytes.data();
  header.msg_controllen = room.bytes.size();
  const ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (got < 0) {
    return ErrnoStatus(errno, "recvmsg");
  }
  TakeDescriptors(header, inbox);
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    return ErrnoStatus(EMFILE, "recvmsg");
  }
  if (inbox->descriptors.size() > kMostDescriptors) {
    return TooManyDescriptors();
  }
  inbox->bytes.append(bytes.data(), static_cast<std::size_t>(got));
  return got > 0;
}

absl::StatusOr<absl::optional<std::string>> TakeMessage(
    DescriptorInbox* inbox) {
  if (inbox->bytes.size() < kLengthBytes) {
    return absl::optional<std::string>();
  }
  std::uint32_t length = 0;
  memcpy(&length, inbox->bytes.data(), kLengthBytes);
  const std::size_t whole = kLengthBytes + ntohl(length);
  if (whole > kLengthBytes + kMostMessageBytes) {
    return BadMessage("the message is too long");
  }
  if (inbox->bytes.size() > whole) {
    return BadMessage("a message came before the last one was answered");
  }
  if (inbox->bytes.size() < whole) {
    return absl::optional<std::string>();
  }
  absl::optional<std::string> message(inbox->bytes.substr(kLengthBytes));
  inbox->bytes.clear();
  return message;
}

}  // namespace farpoll
