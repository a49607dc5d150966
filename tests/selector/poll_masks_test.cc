// The mask table: what every kind of descriptor reports in every state, by the
// document, by poll(2) itself, by PollObject and by Select.
// Source: docs/semantics.md section 2, "Measured masks".
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/poll_object.h"
#include "selector/select.h"
#include "tests/support/event_matchers.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Bits beside the basic ones: with IN and OUT of most, and of sockets whose
// writes are not one stream.
constexpr Events kInput = kIn | kReadNormal;
constexpr Events kOutput = kOut | kWriteNormal;
constexpr Events kBandOutput = kOutput | kWriteBand;
constexpr Events kPeerGone = kHangup | kReadHangup;

// A descriptor in a state, and what else has to stay open for it.
struct Scene {
  UniqueFd fd;
  std::vector<UniqueFd> others;
};

struct Row {
  std::string name;
  Scene (*make)();
  Events revents;
  std::string select;  // the sets that hold it: some of "rwx"
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

// The first of two ends, with the second kept open.
Scene First(FdPair pair) {
  Scene scene = {std::move(pair.first), {}};
  scene.others.push_back(std::move(pair.second));
  return scene;
}

// A pair after `change`, of which the first end is looked at.
template <typename Change>
Scene After(FdPair pair, Change change) {
  change(pair);
  return First(std::move(pair));
}

FdPair PipePair() {
  Pipe pipe;
  return {std::move(pipe.read_end), std::move(pipe.write_end)};
}
// The other way round: the first end is the one to write to.
FdPair WriterPair() {
  FdPair pair = PipePair();
  std::swap(pair.first, pair.second);
  return pair;
}
FdPair Stream() { return UnixPair(SOCK_STREAM); }

void SendToFirst(FdPair& pair) {
  Write(pair.second.get(), "x");
  AwaitKernelPoll(pair.first.get(), kIn, kIn);
}
void FillFirst(FdPair& pair) { Fill(pair.first.get()); }
void CloseSecond(FdPair& pair) { pair.second.Reset(); }
void SendThenCloseSecond(FdPair& pair) {
  Write(pair.second.get(), "x");
  pair.second.Reset();
}
void FillThenCloseSecond(FdPair& pair) {
  Fill(pair.first.get());
  pair.second.Reset();
}
void ShutFirst(FdPair& pair, int how) { shutdown(pair.first.get(), how); }
void ShutSecond(FdPair& pair, int how) { shutdown(pair.second.get(), how); }
void ResetFirst(FdPair& pair) {
  ResetOnClose(pair.second.get());
  pair.second.Reset();
  AwaitKernelPoll(pair.first.get(), 0, kError | kHangup);
}
void AwaitReadHangup(FdPair& pair) {
  AwaitKernelPoll(pair.first.get(), kReadHangup, kReadHangup);
}
void SendUrgent(FdPair& pair) {
  send(pair.second.get(), "!", 1, MSG_OOB);
  AwaitKernelPoll(pair.first.get(), kPriority, kPriority);
}

Scene Alone(UniqueFd fd) { return {std::move(fd), {}}; }
Scene Counter(std::uint64_t value) {
  UniqueFd counter(
      MustSucceed(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
  if (value > 0) {
    MustSucceed(eventfd_write(counter.get(), value), "eventfd_write");
  }
  return Alone(std::move(counter));
}
Scene Fifo(bool had_writer, bool has_writer) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/fifo";
  MustSucceed(mkfifo(path.c_str(), 0600), "mkfifo");
  Scene scene = Alone(Open(path.c_str(), O_RDONLY));
  if (had_writer) {
    Open(path.c_str(), O_WRONLY).Reset();
  }
  if (has_writer) {
    scene.others.push_back(Open(path.c_str(), O_WRONLY));
  }
  return scene;
}
Scene ReadWriteFifo() {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/fifo";
  MustSucceed(mkfifo(path.c_str(), 0600), "mkfifo");
  return Alone(Open(path.c_str(), O_RDWR));
}
Scene Listener(bool pending) {
  Scene scene = Alone(TcpListener());
  if (pending) {
    scene.others.push_back(ConnectTo(scene.fd.get()));
    AwaitKernelPoll(scene.fd.get(), kIn, kIn);
  }
  return scene;
}
Scene RefusedConnection() {
  UniqueFd listener = TcpListener();
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  MustSucceed(
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size),
      "getsockname");
  listener.Reset();
  UniqueFd client(MustSucceed(
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
      "socket"));
  (void)!connect(client.get(), reinterpret_cast<const sockaddr*>(&address),
                 size);
  AwaitKernelPoll(client.get(), 0, kError | kHangup);
  return Alone(std::move(client));
}
Scene Unconnected(int domain) {
  return Alone(UniqueFd(
      MustSucceed(socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                  "socket")));
}
Scene Timer(bool fired) {
  UniqueFd timer(
      MustSucceed(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                  "timerfd_create"));
  if (fired) {
    const itimerspec at_once = {.it_interval = {}, .it_value = {0, 1}};
    timerfd_settime(timer.get(), 0, &at_once, nullptr);
    AwaitKernelPoll(timer.get(), kIn, kIn);
  }
  return Alone(std::move(timer));
}
Scene Signals() {
  sigset_t mask;
  sigemptyset(&mask);
  return Alone(UniqueFd(MustSucceed(
      signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd")));
}
Scene Inotify(bool pending) {
  Scene scene = Alone(UniqueFd(
      MustSucceed(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify_init1")));
  const TemporaryFolder folder;
  MustSucceed(inotify_add_watch(scene.fd.get(), folder.path().c_str(),
                                pending ? IN_ALL_EVENTS : IN_MODIFY),
              "inotify_add_watch");
  if (!pending) {
    // Or else the folder's end would be an event.
    inotify_rm_watch(scene.fd.get(), 1);
    Drain(scene.fd.get());
  }
  return scene;
}
Scene NestedEpoll(bool pending) {
  Scene scene = Alone(
      UniqueFd(MustSucceed(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")));
  Pipe pipe;
  epoll_event entry = {.events = pending ? EPOLLOUT : EPOLLERR, .data = {}};
  MustSucceed(epoll_ctl(scene.fd.get(), EPOLL_CTL_ADD, pipe.writer(), &entry),
              "epoll_ctl");
  scene.others.push_back(std::move(pipe.read_end));
  scene.others.push_back(std::move(pipe.write_end));
  return scene;
}
Scene Process(bool zombie) {
  Pipe pipe;
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    pipe.write_end.Reset();
    MustSucceed(fcntl(pipe.reader(), F_SETFL, 0), "fcntl");
    (void)!read(pipe.reader(), &byte, 1);  // until the test's end closes
    _exit(0);
  }
  Scene scene = Alone(UniqueFd(MustSucceed(
      static_cast<int>(syscall(SYS_pidfd_open, child, 0)), "pidfd_open")));
  if (zombie) {
    pipe.write_end.Reset();
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  } else {
    scene.others.push_back(std::move(pipe.write_end));
  }
  return scene;
}
Scene PtyMaster(bool data, bool slave_closed) {
  FdPair pty = Pty();
  if (data) {
    Write(pty.second.get(), "x");
    AwaitKernelPoll(pty.first.get(), kIn, kIn);
  }
  if (slave_closed) {
    pty.second.Reset();
  }
  return First(std::move(pty));
}
Scene PtySlave(const char* typed, bool master_closed) {
  FdPair pty = Pty();
  Write(pty.first.get(), typed);
  if (std::string(typed).find('\n') != std::string::npos) {
    AwaitKernelPoll(pty.second.get(), kIn, kIn);
  }
  if (master_closed) {
    pty.first.Reset();
  }
  std::swap(pty.first, pty.second);
  return First(std::move(pty));
}

const Row kTable[] = {
    {"PipeReaderEmpty", [] { return First(PipePair()); }, 0, ""},
    {"PipeReaderData", [] { return After(PipePair(), SendToFirst); }, kInput,
     "r"},
    {"PipeReaderDataWriterClosed",
     [] { return After(PipePair(), SendThenCloseSecond); }, kInput | kHangup,
     "r"},
    {"PipeReaderDrainedWriterClosed",
     [] { return After(PipePair(), CloseSecond); }, kHangup, "r"},
    {"PipeWriterRoom", [] { return First(WriterPair()); }, kOutput, "w"},
    {"PipeWriterFull", [] { return After(WriterPair(), FillFirst); }, 0, ""},
    {"PipeWriterRoomReaderClosed",
     [] { return After(WriterPair(), CloseSecond); }, kOutput | kError, "rw"},
    {"PipeWriterFullReaderClosed",
     [] { return After(WriterPair(), FillThenCloseSecond); }, kError, "rw"},
    {"FifoNeverHadWriter", [] { return Fifo(false, false); }, 0, ""},
    {"FifoWriterNoData", [] { return Fifo(false, true); }, 0, ""},
    {"FifoWriterGone", [] { return Fifo(true, false); }, kHangup, "r"},
    {"FifoWriterReturned", [] { return Fifo(true, true); }, 0, ""},
    {"FifoReadWriteEmpty", ReadWriteFifo, kOutput, "w"},
    {"UnixStreamIdle", [] { return First(Stream()); }, kBandOutput, "w"},
    {"UnixStreamData", [] { return After(Stream(), SendToFirst); },
     kInput | kBandOutput, "rw"},
    {"UnixStreamFull", [] { return After(Stream(), FillFirst); }, 0, ""},
    {"UnixStreamPeerShutWrite",
     [] { return After(Stream(), [](FdPair& p) { ShutSecond(p, SHUT_WR); }); },
     kInput | kBandOutput | kReadHangup, "rw"},
    {"UnixStreamPeerShutWriteData",
     [] {
       return After(Stream(), [](FdPair& p) {
         SendToFirst(p);
         ShutSecond(p, SHUT_WR);
       });
     },
     kInput | kBandOutput | kReadHangup, "rw"},
    {"UnixStreamOwnShutWrite",
     [] { return After(Stream(), [](FdPair& p) { ShutFirst(p, SHUT_WR); }); },
     kBandOutput, "w"},
    {"UnixStreamOwnShutRead",
     [] { return After(Stream(), [](FdPair& p) { ShutFirst(p, SHUT_RD); }); },
     kInput | kBandOutput | kReadHangup, "rw"},
    {"UnixStreamPeerShutRead",
     [] { return After(Stream(), [](FdPair& p) { ShutSecond(p, SHUT_RD); }); },
     kBandOutput, "w"},
    {"UnixStreamBothShutWrite",
     [] {
       return After(Stream(), [](FdPair& p) {
         ShutFirst(p, SHUT_WR);
         ShutSecond(p, SHUT_WR);
       });
     },
     kInput | kBandOutput | kPeerGone, "rw"},
    {"UnixStreamPeerClosed", [] { return After(Stream(), CloseSecond); },
     kInput | kBandOutput | kPeerGone, "rw"},
    {"UnixStreamPeerClosedData",
     [] { return After(Stream(), SendThenCloseSecond); },
     kInput | kBandOutput | kPeerGone, "rw"},
    {"UnixSeqpacketPeerClosed",
     [] { return After(UnixPair(SOCK_SEQPACKET), CloseSecond); },
     kInput | kBandOutput | kPeerGone, "rw"},
    {"UnixStreamPeerClosedOurDataUnread",
     [] {
       return After(Stream(), [](FdPair& p) {
         Write(p.first.get(), "x");
         p.second.Reset();
       });
     },
     kInput | kBandOutput | kError | kPeerGone, "rw"},
    {"UnixStreamPeerClosedFull",
     [] { return After(Stream(), FillThenCloseSecond); },
     kInput | kBandOutput | kError | kPeerGone, "rw"},
    {"UnixDatagramIdle", [] { return First(UnixPair(SOCK_DGRAM)); },
     kBandOutput, "w"},
    {"UnixDatagramData",
     [] { return After(UnixPair(SOCK_DGRAM), SendToFirst); },
     kInput | kBandOutput, "rw"},
    {"UnixDatagramPeerClosed",
     [] { return After(UnixPair(SOCK_DGRAM), SendThenCloseSecond); },
     kInput | kBandOutput, "rw"},
    {"UdpIdle", [] { return First(UdpPair()); }, kBandOutput, "w"},
    {"UdpData", [] { return After(UdpPair(), SendToFirst); },
     kInput | kBandOutput, "rw"},
    {"ListenerIdle", [] { return Listener(false); }, 0, ""},
    {"ListenerPending", [] { return Listener(true); }, kInput, "r"},
    {"UnixListenerIdle", [] { return Alone(UnixListener()); }, 0, ""},
    {"TcpIdle", [] { return First(TcpPair()); }, kOutput, "w"},
    {"TcpData", [] { return After(TcpPair(), SendToFirst); }, kInput | kOutput,
     "rw"},
    {"TcpPeerFin",
     [] {
       return After(TcpPair(), [](FdPair& p) {
         ShutSecond(p, SHUT_WR);
         AwaitReadHangup(p);
       });
     },
     kInput | kOutput | kReadHangup, "rw"},
    {"TcpOwnShutRead",
     [] { return After(TcpPair(), [](FdPair& p) { ShutFirst(p, SHUT_RD); }); },
     kInput | kOutput | kReadHangup, "rw"},
    {"TcpBothShut",
     [] {
       return After(TcpPair(), [](FdPair& p) {
         ShutFirst(p, SHUT_WR);
         ShutSecond(p, SHUT_WR);
         AwaitKernelPoll(p.first.get(), 0, kHangup);
       });
     },
     kInput | kOutput | kPeerGone, "rw"},
    {"TcpReset", [] { return After(TcpPair(), ResetFirst); },
     kInput | kOutput | kError | kPeerGone, "rw"},
    {"TcpConnectRefused", RefusedConnection,
     kInput | kOutput | kError | kPeerGone, "rw"},
    {"TcpResetErrorRead",
     [] {
       return After(TcpPair(), [](FdPair& p) {
         ResetFirst(p);
         int error = 0;
         socklen_t size = sizeof(error);
         getsockopt(p.first.get(), SOL_SOCKET, SO_ERROR, &error, &size);
       });
     },
     kInput | kOutput | kPeerGone, "rw"},
    {"TcpUrgent", [] { return After(TcpPair(), SendUrgent); },
     kPriority | kOutput, "wx"},
    {"TcpUrgentRead",
     [] {
       return After(TcpPair(), [](FdPair& p) {
         SendUrgent(p);
         char byte;
         (void)!recv(p.first.get(), &byte, 1, MSG_OOB);
       });
     },
     kOutput, "w"},
    {"TcpUrgentInline",
     [] {
       return After(TcpPair(), [](FdPair& p) {
         const int on = 1;
         setsockopt(p.first.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
         SendUrgent(p);
       });
     },
     kInput | kPriority | kOutput, "rwx"},
    {"TcpUnconnected", [] { return Unconnected(AF_INET); }, kOutput | kHangup,
     "rw"},
    {"UnixUnconnected", [] { return Unconnected(AF_UNIX); },
     kBandOutput | kHangup, "rw"},
    {"RegularFile", [] { return Alone(TemporaryFile("")); }, kInput | kOutput,
     "rw"},
    {"Directory", [] { return Alone(Open("/", O_RDONLY)); }, kInput | kOutput,
     "rw"},
    {"DevNull", [] { return Alone(Open("/dev/null", O_RDWR)); },
     kInput | kOutput, "rw"},
    {"DevZero", [] { return Alone(Open("/dev/zero", O_RDWR)); },
     kInput | kOutput, "rw"},
    {"PathOnly", [] { return Alone(Open("/", O_PATH)); }, kInvalid, "rwx"},
    {"EventfdZero", [] { return Counter(0); }, kOut, "w"},
    {"EventfdOne", [] { return Counter(1); }, kIn | kOut, "rw"},
    {"EventfdFull", [] { return Counter(0xfffffffffffffffe); }, kIn, "r"},
    {"TimerIdle", [] { return Timer(false); }, 0, ""},
    {"TimerFired", [] { return Timer(true); }, kIn, "r"},
    {"SignalfdIdle", Signals, 0, ""},
    {"InotifyIdle", [] { return Inotify(false); }, 0, ""},
    {"InotifyPending", [] { return Inotify(true); }, kInput, "r"},
    {"EpollIdle", [] { return NestedEpoll(false); }, 0, ""},
    {"EpollPending", [] { return NestedEpoll(true); }, kInput, "r"},
    {"PidfdRunning", [] { return Process(false); }, 0, ""},
    {"PidfdZombie", [] { return Process(true); }, kInput, "r"},
    {"PtyMasterIdle", [] { return PtyMaster(false, false); }, kOutput, "w"},
    {"PtyMasterData", [] { return PtyMaster(true, false); }, kInput | kOutput,
     "rw"},
    {"PtySlaveIdle", [] { return PtySlave("", false); }, kOutput, "w"},
    {"PtySlavePartialLine", [] { return PtySlave("x", false); }, kOutput, "w"},
    {"PtySlaveFullLine", [] { return PtySlave("x\n", false); },
     kInput | kOutput, "rw"},
    {"PtyMasterClosed", [] { return PtySlave("", true); },
     kInput | kOutput | kError | kHangup, "rw"},
};

class PollMasks : public testing::TestWithParam<Row> {};

TEST_P(PollMasks, AsDocumentedByKernelAndByUs) {
  const Scene scene = GetParam().make();
  const int fd = scene.fd.get();
  const auto poll = *PollObject::Create();
  ASSERT_THAT(poll->Register(fd, kAllEvents), IsOk());

  EXPECT_EQ(EventsToString(KernelPoll(fd)), EventsToString(GetParam().revents));
  const auto ready = poll->Poll(Timeout::Zero());
  ASSERT_THAT(ready, IsOk());
  EXPECT_EQ(EventsToString(ready->empty() ? Events{0} : (*ready)[0].events),
            EventsToString(GetParam().revents));
}

TEST_P(PollMasks, SelectSetsAsDocumented) {
  const Scene scene = GetParam().make();
  const int fd = scene.fd.get();

  const auto ready = Select({fd}, {fd}, {fd}, Timeout::Zero());

  ASSERT_THAT(ready, IsOk());
  const std::string sets = std::string(ready->read.empty() ? "" : "r") +
                           (ready->write.empty() ? "" : "w") +
                           (ready->except.empty() ? "" : "x");
  EXPECT_EQ(sets, GetParam().select);
}

INSTANTIATE_TEST_SUITE_P(Table, PollMasks, testing::ValuesIn(kTable),
                         [](const testing::TestParamInfo<Row>& row) {
                           return row.param.name;
                         });

}  // namespace
}  // namespace farpoll
