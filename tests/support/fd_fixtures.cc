#include "tests/support/fd_fixtures.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>

namespace farpoll {
namespace {

sockaddr_in Loopback() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void Bind(int fd) {
  const sockaddr_in address = Loopback();
  MustSucceed(
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
      "bind");
}

sockaddr_in AddressOf(int fd) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  MustSucceed(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size),
              "getsockname");
  return address;
}

UniqueFd Socket(int domain, int type) {
  return UniqueFd(MustSucceed(
      socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
}

void Connect(int fd, const sockaddr_in& address) {
  const int result =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (result != 0 && errno != EINPROGRESS) {
    MustSucceed(result, "connect");
  }
}

}  // namespace

int MustSucceed(int result, const char* call) {
  if (result < 0) {
    perror(call);
    abort();
  }
  return result;
}

Events KernelPoll(int fd, Events asked) {
  pollfd entry = {.fd = fd, .events = static_cast<short>(asked), .revents = 0};
  MustSucceed(poll(&entry, 1, 0), "poll");
  return static_cast<Events>(entry.revents);
}

Events AwaitKernelPoll(int fd, Events asked, Events wanted) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  Events seen = KernelPoll(fd, asked);
  while (seen != wanted && std::chrono::steady_clock::now() < deadline) {
    seen = KernelPoll(fd, asked);
  }
  return seen;
}

Pipe::Pipe() : Pipe(0) {}

Pipe::Pipe(int extra_flags) {
  int ends[2];
  MustSucceed(pipe2(ends, O_CLOEXEC | O_NONBLOCK | extra_flags), "pipe2");
  read_end.Reset(ends[0]);
  write_end.Reset(ends[1]);
}

FdPair UnixPair(int type) {
  int ends[2];
  MustSucceed(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
              "socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd TcpListener() {
  UniqueFd listener = Socket(AF_INET, SOCK_STREAM);
  Bind(listener.get());
  MustSucceed(listen(listener.get(), 16), "listen");
  return listener;
}

UniqueFd UnixListener() {
  UniqueFd listener = Socket(AF_UNIX, SOCK_STREAM);
  // A family without a name binds to a free abstract one.
  const sockaddr address = {.sa_family = AF_UNIX, .sa_data = {}};
  MustSucceed(bind(listener.get(), &address, sizeof(address.sa_family)),
              "bind");
  MustSucceed(listen(listener.get(), 16), "listen");
  return listener;
}

UniqueFd ConnectTo(int listener) {
  UniqueFd client = Socket(AF_INET, SOCK_STREAM);
  Connect(client.get(), AddressOf(listener));
  AwaitKernelPoll(client.get(), kOut, kOut);
  return client;
}

UniqueFd RefusedConnect() {
  // Bound and not listening: the port is nobody else's meanwhile.
  const UniqueFd deaf = Socket(AF_INET, SOCK_STREAM);
  Bind(deaf.get());
  UniqueFd client = Socket(AF_INET, SOCK_STREAM);
  Connect(client.get(), AddressOf(deaf.get()));
  AwaitKernelPoll(client.get(), 0, kError | kHangup);
  return client;
}

int TakeSocketError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  MustSucceed(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size),
              "getsockopt(SO_ERROR)");
  return error;
}

FdPair TcpPair() {
  const UniqueFd listener = TcpListener();
  FdPair pair;
  pair.first = ConnectTo(listener.get());
  AwaitKernelPoll(listener.get(), kIn, kIn);
  pair.second.Reset(MustSucceed(
      accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK),
      "accept4"));
  return pair;
}

FdPair UdpPair() {
  FdPair pair = {Socket(AF_INET, SOCK_DGRAM), Socket(AF_INET, SOCK_DGRAM)};
  Bind(pair.first.get());
  Bind(pair.second.get());
  Connect(pair.first.get(), AddressOf(pair.second.get()));
  Connect(pair.second.get(), AddressOf(pair.first.get()));
  return pair;
}

FdPair Pty() {
  FdPair pair;
  pair.first.Reset(
      MustSucceed(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK),
                  "posix_openpt"));
  MustSucceed(grantpt(pair.first.get()), "grantpt");
  MustSucceed(unlockpt(pair.first.get()), "unlockpt");
  char name[128];
  MustSucceed(-ptsname_r(pair.first.get(), name, sizeof(name)), "ptsname_r");
  pair.second = Open(name, O_RDWR | O_NOCTTY);
  return pair;
}

UniqueFd Duplicate(int fd) {
  return UniqueFd(MustSucceed(fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl"));
}

UniqueFd DuplicateTo(int fd, int number) {
  return UniqueFd(MustSucceed(dup3(fd, number, O_CLOEXEC), "dup3"));
}

UniqueFd TemporaryFile(absl::string_view content) {
  UniqueFd file = Open("/tmp", O_TMPFILE | O_RDWR);
  Write(file.get(), content);
  MustSucceed(static_cast<int>(lseek(file.get(), 0, SEEK_SET)), "lseek");
  return file;
}

UniqueFd Open(const char* path, int flags) {
  return UniqueFd(
      MustSucceed(open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600), path));
}

int ClosedNumber() { return Open("/dev/null", O_RDONLY).get(); }

std::size_t Write(int fd, absl::string_view bytes) {
  const ssize_t written = write(fd, bytes.data(), bytes.size());
  if (written < 0 && errno != EAGAIN) {
    MustSucceed(-1, "write");
  }
  return written < 0 ? 0 : static_cast<std::size_t>(written);
}

std::string Read(int fd, std::size_t most) {
  std::string bytes(most, '\0');
  const ssize_t got = read(fd, bytes.data(), bytes.size());
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

std::size_t Fill(int fd) {
  const std::string block(4096, 'x');
  std::size_t total = 0;
  for (std::size_t size = block.size(); size > 0; size /= 2) {
    while (const std::size_t written =
               Write(fd, absl::string_view(block).substr(0, size))) {
      total += written;
    }
  }
  return total;
}

void Drain(int fd) {
  while (!Read(fd).empty()) {
  }
}

void ResetOnClose(int fd) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  MustSucceed(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
              "setsockopt");
}

void AllowDescriptors(std::size_t count) {
  rlimit limit = {};
  MustSucceed(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  if (limit.rlim_cur < count) {
    limit.rlim_cur = count;
    limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
    MustSucceed(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  }
}

}  // namespace farpoll
