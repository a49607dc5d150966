#include "tests/support/fuse_mount.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

constexpr char kContent[] = "hello";
constexpr std::uint64_t kFile = 2;  // its inode; the root's is 1
constexpr int kPatienceMs = 30'000;

fuse_attr AttributesOf(std::uint64_t inode) {
  fuse_attr attributes{};
  attributes.ino = inode;
  attributes.mode = inode == kFile ? S_IFREG | 0600 : S_IFDIR | 0700;
  attributes.size = inode == kFile ? strlen(kContent) : 0;
  attributes.nlink = 1;
  return attributes;
}

template <class Body>
std::string Bytes(const Body& body) {
  return std::string(reinterpret_cast<const char*>(&body), sizeof(body));
}

struct Reply {
  int error = 0;
  std::string body;
};

Reply ReplyTo(const fuse_in_header& header, const char* argument) {
  switch (header.opcode) {
    case FUSE_INIT: {
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = FUSE_KERNEL_MINOR_VERSION;
      out.max_write = 64 << 10;
      return {0, Bytes(out)};
    }
    case FUSE_LOOKUP: {
      fuse_entry_out out{};
      out.nodeid = kFile;
      out.attr = AttributesOf(kFile);
      return absl::string_view(argument) == "f" ? Reply{0, Bytes(out)}
                                                : Reply{ENOENT, ""};
    }
    case FUSE_GETATTR:
    case FUSE_SETATTR: {
      fuse_attr_out out{};
      out.attr = AttributesOf(header.nodeid);
      return {0, Bytes(out)};
    }
    case FUSE_OPEN:
      return {0, Bytes(fuse_open_out{})};
    case FUSE_READ: {
      const auto& in = *reinterpret_cast<const fuse_read_in*>(argument);
      return {0, in.offset == 0 ? kContent : ""};
    }
    case FUSE_WRITE: {
      fuse_write_out out{};
      out.size = reinterpret_cast<const fuse_write_in*>(argument)->size;
      return {0, Bytes(out)};
    }
    case FUSE_POLL: {
      fuse_poll_out out{};
      out.revents = POLLIN | POLLOUT;
      return {0, Bytes(out)};
    }
    case FUSE_FLUSH:
    case FUSE_RELEASE:
      return {};
    default:
      return {ENOSYS, ""};
  }
}

}  // namespace

FuseMount::FuseMount(std::string path)
    : path_(std::move(path)), wake_(eventfd(0, EFD_CLOEXEC)) {
  device_.Reset(open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!device_.valid()) {
    problem_ = absl::StrCat("/dev/fuse: ", strerror(errno));
    return;
  }
  const std::string options =
      absl::StrCat("fd=", device_.get(), ",rootmode=40000,user_id=", geteuid(),
                   ",group_id=", getegid());
  // In a namespace of our own, which goes with the last process in it.
  if (unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("farpoll", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV,
            options.c_str()) != 0) {
    problem_ = absl::StrCat("mounting FUSE: ", strerror(errno));
    return;
  }
  thread_ = std::thread([this] { Serve(); });
}

FuseMount::~FuseMount() {
  if (!thread_.joinable()) {
    return;
  }
  {
    MutexLock lock(&mu_);
    stopped_ = true;
    changed_.SignalAll();
  }
  const std::uint64_t one = 1;
  EXPECT_EQ(write(wake_.get(), &one, sizeof(one)), sizeof(one));
  thread_.join();
  device_.Reset();
  umount2(path_.c_str(), MNT_DETACH);
}

void FuseMount::Serve() {
  for (;;) {
    std::array<pollfd, 2> entries{
        pollfd{.fd = device_.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    poll(entries.data(), entries.size(), -1);
    MutexLock lock(&mu_);
    while (hung_ && !stopped_) {
      changed_.Wait(&mu_);
    }
    if (stopped_) {
      return;
    }
    AnswerOne();
  }
}

bool FuseMount::AnswerOne() {
  std::string request(256 << 10, '\0');
  const ssize_t got = read(device_.get(), request.data(), request.size());
  if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) {
    return false;
  }
  const auto& header = *reinterpret_cast<const fuse_in_header*>(request.data());
  if (header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET ||
      header.opcode == FUSE_INTERRUPT) {
    return true;  // want no answer
  }
  Reply reply = ReplyTo(header, request.data() + sizeof(header));
  fuse_out_header head{};
  head.unique = header.unique;
  head.error = -reply.error;
  head.len = static_cast<std::uint32_t>(sizeof(head) + reply.body.size());
  const std::array<iovec, 2> parts{iovec{&head, sizeof(head)},
                                   iovec{reply.body.data(), reply.body.size()}};
  // ENOENT: whoever asked is gone.
  (void)!writev(device_.get(), parts.data(), parts.size());
  return true;
}

void FuseMount::Hang() {
  MutexLock lock(&mu_);
  while (AnswerOne()) {
  }
  hung_ = true;
}

void FuseMount::AwaitRequest() {
  pollfd entry{.fd = device_.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&entry, 1, kPatienceMs), 1) << "nobody asks for anything";
}

void FuseMount::Resume() {
  MutexLock lock(&mu_);
  hung_ = false;
  changed_.SignalAll();
}

}  // namespace farpoll
