#include "server/accept/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// Connections that wait to be accepted; the system's limit may be lower.
constexpr int kBacklog = 4096;

// An address as the kernel wants it.
struct SocketName {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketName NameOf(const Address& address) {
  SocketName name;
  if (address.is_unix()) {
    auto* const local = reinterpret_cast<sockaddr_un*>(&name.storage);
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, address.unix_path.c_str(),
           address.unix_path.size() + 1);
    name.size = sizeof(*local);
    return name;
  }
  const std::string host =
      address.host == "localhost" ? "127.0.0.1" : address.host;
  auto* const four = reinterpret_cast<sockaddr_in*>(&name.storage);
  if (inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(address.port);
    name.size = sizeof(*four);
    return name;
  }
  auto* const six = reinterpret_cast<sockaddr_in6*>(&name.storage);
  inet_pton(AF_INET6, host.c_str(), &six->sin6_addr);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(address.port);
  name.size = sizeof(*six);
  return name;
}

// The port of either family is at the same place.
std::uint16_t PortOf(int fd) {
  SocketName name;
  name.size = sizeof(name.storage);
  getsockname(fd, name.get(), &name.size);
  return ntohs(reinterpret_cast<sockaddr_in*>(&name.storage)->sin_port);
}

absl::Status CannotListen(const Address& address, int number) {
  return MakeError(
      absl::StatusCode::kUnavailable, number, "CANNOT_LISTEN", address.Text(),
      absl::StrCat("cannot listen on ", address.Text(), ": ",
                   number == EADDRINUSE ? "another server listens there"
                                        : strerror(number)));
}

UniqueFd NewSocket(const Address& address) {
  SocketName name = NameOf(address);
  return UniqueFd(socket(name.storage.ss_family,
                         SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Holds the place of a Unix socket, by the locked file PATH.lock beside it,
// from before it is seen whether somebody listens there until this process
// does. A socket that is bound and not yet listened on looks like one that
// nobody listens on any more: without the lock, two servers that start at once
// would each remove the other's.
class PlaceLock {
 public:
  //   Errors: as Listener::On; EADDRINUSE while another server holds it.
  static absl::StatusOr<PlaceLock> On(const Address& address) {
    const std::string path = absl::StrCat(address.unix_path, ".lock");
    for (;;) {
      UniqueFd file(open(path.c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                         S_IRUSR | S_IWUSR));
      if (!file.valid()) {
        return CannotListen(address, errno);
      }
      if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return CannotListen(address, errno == EWOULDBLOCK ? EADDRINUSE : errno);
      }
      struct stat mine {};
      struct stat there {};
      if (fstat(file.get(), &mine) == 0 && lstat(path.c_str(), &there) == 0 &&
          mine.st_dev == there.st_dev && mine.st_ino == there.st_ino) {
        return PlaceLock(std::move(file), path);
      }
      // Whoever held it has removed it meanwhile.
    }
  }
  PlaceLock(PlaceLock&& other) noexcept = default;
  PlaceLock& operator=(PlaceLock&&) = delete;
  // Removes the file while it is still locked.
  ~PlaceLock() {
    if (file_.valid()) {
      unlink(path_.c_str());
    }
  }

 private:
  PlaceLock(UniqueFd file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  UniqueFd file_;
  std::string path_;
};

// Makes way for a new socket, if what stands there is one that nobody listens
// on. A file of another kind refuses connections just so; it stays.
absl::Status RemoveStaleSocket(const Address& address) {
  const UniqueFd probe = NewSocket(address);
  if (!probe.valid()) {
    return CannotListen(address, errno);
  }
  SocketName name = NameOf(address);
  if (connect(probe.get(), name.get(), name.size) == 0 || errno == EAGAIN) {
    return CannotListen(address, EADDRINUSE);
  }
  if (errno != ECONNREFUSED) {
    return errno == ENOENT ? absl::OkStatus() : CannotListen(address, errno);
  }
  struct stat status {};
  if (lstat(address.unix_path.c_str(), &status) != 0) {
    return CannotListen(address, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return CannotListen(address, EEXIST);
  }
  return unlink(address.unix_path.c_str()) == 0 ? absl::OkStatus()
                                                : CannotListen(address, errno);
}

}  // namespace

absl::StatusOr<Listener> Listener::On(const Address& address, mode_t mode) {
  if (!address.is_unix()) {
    return Make(address, mode);
  }
  const absl::StatusOr<PlaceLock> lock = PlaceLock::On(address);
  if (!lock.ok()) {
    return lock.status();
  }
  if (const absl::Status free = RemoveStaleSocket(address); !free.ok()) {
    return free;
  }
  return Make(address, mode);
}

absl::StatusOr<Listener> Listener::Make(const Address& address, mode_t mode) {
  UniqueFd fd = NewSocket(address);
  SocketName name = NameOf(address);
  const int on = 1;
  // On Linux the file that bind(2) makes has the mode of its socket: it is
  // never open to more people than it shall be.
  if (!fd.valid() || (address.is_unix() && fchmod(fd.get(), mode) != 0) ||
      (!address.is_unix() &&
       setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) ||
      bind(fd.get(), name.get(), name.size) != 0) {
    return CannotListen(address, errno);
  }
  Listener listener(std::move(fd), address);  // removes the file from here on
  // The umask may have narrowed it.
  if ((address.is_unix() && chmod(address.unix_path.c_str(), mode) != 0) ||
      listen(listener.fd(), kBacklog) != 0) {
    return CannotListen(address, errno);
  }
  return listener;
}

Listener::Listener(UniqueFd fd, Address address)
    : fd_(std::move(fd)), address_(std::move(address)) {
  struct stat status {};
  if (!address_.is_unix()) {
    address_.port = PortOf(fd_.get());
  } else if (lstat(address_.unix_path.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

Listener::~Listener() {
  struct stat status {};
  if (fd_.valid() && address_.is_unix() &&
      lstat(address_.unix_path.c_str(), &status) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_) {
    unlink(address_.unix_path.c_str());
  }
}

}  // namespace farpoll::server
