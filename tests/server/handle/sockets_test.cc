// tests/server/handle/sockets_test.cc: room: tests. Listeners, connections and
// datagram sockets.
// Source: ip(7), unix(7), connect(2), accept(2).
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "server/handle/connection.h"
#include "server/handle/datagram_socket.h"
#include "server/handle/listener.h"
#include "tests/server/handle/handle_fixture.h"
#include "tests/support/descriptor_limit.h"

namespace farpoll::server {
namespace {

using Phase = SocketState::Phase;

bool Exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

bool Has(const UniqueFd& folder, const char* name) {
  return faccessat(folder.get(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

class SocketsTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) {
    return folder_.path() + "/" + name;
  }
  Endpoint Unix(const std::string& name) { return At("unix:" + Path(name)); }

  // Listens, connects, accepts, and says a word each way.
  void MeetsAt(const Endpoint& place) {
    SCOPED_TRACE(place.address.Text());
    Handle listener = Must(Listen(place, 8));
    EXPECT_EQ(SampleReadiness(listener), 0);
    EXPECT_EQ(DescribeSocket(listener).phase, Phase::kListening);
    Endpoint door = place;
    if (!place.address.is_unix()) {
      door = PlaceOf(listener);
    }
    Handle client = Must(Connect(door));
    Await(listener, kIn);
    Handle server = Must(Accept(listener));
    Await(client, kOut);

    EXPECT_EQ(Put(client, "ping"), 4u);
    Await(server, kIn);
    EXPECT_EQ(Take(server), "ping");
    EXPECT_EQ(Put(server, "pong"), 4u);
    Await(client, kIn);
    EXPECT_EQ(Take(client), "pong");
    EXPECT_EQ(DescribeSocket(client).phase, Phase::kConnected);
    EXPECT_THAT(Accept(listener), HasErrno(EAGAIN));
    EXPECT_EQ(fcntl(server.fd.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_NE(fcntl(server.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  }

  TemporaryFolder folder_;
};

// ---- Listeners and connections.

TEST_F(SocketsTest, MeetEverywhere) {
  MeetsAt(At("127.0.0.1:0"));
  MeetsAt(At("[::1]:0"));
  MeetsAt(Unix("socket"));
  MeetsAt(At("unix:@farpoll-test-" + std::to_string(getpid())));
  mkdir(Path("below").c_str(), 0700);
  MeetsAt(Within(folder_.path(), "socket"));
  MeetsAt(Within(folder_.path(), "below/socket"));
}

// Sends `socket` itself over it; 0 or the errno.
int ErrnoOfSendingItself(const Handle& socket) {
  const int fd = socket.fd.get();
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(fd))] = {};
  char byte = 'x';
  iovec bytes{&byte, 1};
  msghdr message{.msg_iov = &bytes,
                 .msg_iovlen = 1,
                 .msg_control = room,
                 .msg_controllen = sizeof(room)};
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(fd));
  memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

TEST_F(SocketsTest, TakeNoDescriptorsOfTheirPeers) {
  constexpr int kSoPassRights = 83;
  const Handle listener = Must(Listen(Unix("socket"), 8));
  int on = 1;
  socklen_t size = sizeof(on);
  if (getsockopt(listener.fd.get(), SOL_SOCKET, kSoPassRights, &on, &size) !=
      0) {
    GTEST_SKIP() << "before Linux 6.16 nobody can refuse them";
  }
  const Handle client = Must(Connect(Unix("socket")));
  Handle waiting = Must(Listen(Unix("other"), 8));
  const Handle other_client = Must(Connect(Unix("other")));
  const Handle server = Must(Accept(waiting));
  const Handle receiver = Must(MakeDatagramSocket(Unix("datagram"), {}));
  const Handle sender = Must(MakeDatagramSocket({}, Unix("datagram")));

  EXPECT_EQ(ErrnoOfSendingItself(client), EPERM);  // nobody has accepted yet
  EXPECT_EQ(ErrnoOfSendingItself(other_client), EPERM);
  EXPECT_EQ(ErrnoOfSendingItself(server), EPERM);
  EXPECT_EQ(ErrnoOfSendingItself(sender), EPERM);
}

TEST_F(SocketsTest, APortInUseIsRefused) {
  const Handle first = Must(Listen(At("127.0.0.1:0"), 8));
  const Handle path = Must(Listen(Unix("socket"), 8));

  EXPECT_THAT(Listen(PlaceOf(first), 8), HasErrno(EADDRINUSE));
  EXPECT_THAT(Listen(PlaceOf(first), 8),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Listen(Unix("socket"), 8), HasErrno(EADDRINUSE));
}

TEST_F(SocketsTest, PlacesThatAreNoneAreRefused) {
  EXPECT_THAT(Listen(At("192.0.2.1:0"), 8), HasErrno(EADDRNOTAVAIL));
  EXPECT_THAT(Listen(At("192.0.2.1:0"), 8),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Listen(Unix("no/socket"), 8), HasErrno(ENOENT));
  EXPECT_THAT(Connect(Unix("none")), HasErrno(ENOENT));
}

TEST_F(SocketsTest, APathIsForItsUserAndGoesWithTheHandle) {
  {
    const Handle listener = Must(Listen(Unix("socket"), 8));
    struct stat status {};
    ASSERT_EQ(stat(Path("socket").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
  }
  EXPECT_FALSE(Exists(Path("socket")));
}

TEST_F(SocketsTest, APathThatBecameAnothersStays) {
  {
    const Handle listener = Must(Listen(Unix("socket"), 8));
    unlink(Path("socket").c_str());
    UniqueFd(creat(Path("socket").c_str(), 0600));
  }
  EXPECT_TRUE(Exists(Path("socket")));
}

TEST_F(SocketsTest, APathGoesFromTheFolderThatItWasBoundIn) {
  mkdir(Path("folder").c_str(), 0700);
  for (const Endpoint& place :
       {Unix("folder/socket"), Within(folder_.path(), "folder/socket")}) {
    {
      const Handle listener = Must(Listen(place, 8));
      rename(Path("folder").c_str(), Path("moved").c_str());
      ASSERT_TRUE(Exists(Path("moved/socket")));
    }
    EXPECT_FALSE(Exists(Path("moved/socket")));
    rename(Path("moved").c_str(), Path("folder").c_str());
  }
}

TEST_F(SocketsTest, AFolderThatIsExchangedLosesNoFileOfItsOwn) {
  // Each time that the socket is removed, its path may lead to either folder.
  mkdir(Path("ours").c_str(), 0700);
  mkdir(Path("others").c_str(), 0700);
  UniqueFd(creat(Path("others/socket").c_str(), 0600));
  const UniqueFd ours(open(Path("ours").c_str(), O_PATH));
  const UniqueFd others(open(Path("others").c_str(), O_PATH));
  std::atomic<bool> done = false;
  std::thread exchanger([&] {
    while (!done) {
      renameat2(AT_FDCWD, Path("ours").c_str(), AT_FDCWD,
                Path("others").c_str(), RENAME_EXCHANGE);
    }
  });

  int bound = 0;
  for (int round = 0; round < 4'000; ++round) {
    const bool confined = round % 2 == 0;
    bound += Listen(confined ? Within(folder_.path(), "ours/socket")
                             : Unix("ours/socket"),
                    8)
                     .ok()
                 ? 1
                 : 0;
    EXPECT_TRUE(Has(others, "socket")) << "in round " << round;
    EXPECT_FALSE(confined && Has(ours, "socket")) << "in round " << round;
    unlinkat(ours.get(), "socket", 0);
  }
  done = true;
  exchanger.join();

  EXPECT_GT(bound, 0);
}

TEST_F(SocketsTest, AConfinedPathFollowsNoLink) {
  TemporaryFolder other;
  const Handle listener = Must(Listen(At("unix:" + other.path() + "/s"), 8));
  symlink(other.path().c_str(), Path("out").c_str());
  symlink((other.path() + "/s").c_str(), Path("link").c_str());

  EXPECT_EQ(ReasonOf(Listen(Within(folder_.path(), "out/new"), 8)),
            "PATH_ESCAPES");
  EXPECT_EQ(ReasonOf(Connect(Within(folder_.path(), "out/s"))), "PATH_ESCAPES");
  EXPECT_EQ(ReasonOf(Connect(Within(folder_.path(), "link"))), "PATH_ESCAPES");
  EXPECT_EQ(ReasonOf(Connect(Within(folder_.path(), "../s"))), "PATH_ESCAPES");
  EXPECT_THAT(Connect(Unix("link")), IsOk());
}

TEST_F(SocketsTest, ARefusedConnectionIsReadyAndSaysWhy) {
  Endpoint nobody = At("127.0.0.1:1");
  { nobody = PlaceOf(Must(Listen(At("127.0.0.1:0"), 8))); }
  Handle client = Must(Connect(nobody));
  const Events seen = Await(client, kOut);

  EXPECT_EQ(seen & (kOut | kError | kHangup), kOut | kError | kHangup);
  EXPECT_EQ(DescribeSocket(client).phase, Phase::kFailed);
  EXPECT_EQ(DescribeSocket(client).error, 0);  // nobody has asked
  TakeSocketError(client);
  EXPECT_EQ(DescribeSocket(client).error, ECONNREFUSED);
  // The Read that comes next still hears of it, once.
  EXPECT_THAT(TryRead(client), HasErrno(ECONNREFUSED));
  EXPECT_EQ(Take(client), "(end)");
  EXPECT_EQ(DescribeSocket(client).error, ECONNREFUSED);
}

TEST_F(SocketsTest, AnErrorThatAReadTookIsRemembered) {
  FdPair pair = TcpPair();
  Handle client =
      Wrap(HandleKind::kConnection, std::move(pair.first), SOCK_STREAM);
  ResetOnClose(pair.second.get());
  pair.second.Reset();
  Await(client, kError);

  EXPECT_THAT(TryRead(client), HasErrno(ECONNRESET));

  TakeSocketError(client);
  EXPECT_EQ(DescribeSocket(client).error, ECONNRESET);
  EXPECT_EQ(Take(client), "(end)");
}

TEST_F(SocketsTest, UnixSaysAtOnceThatNobodyListens) {
  UniqueFd(creat(Path("file").c_str(), 0600));
  EXPECT_THAT(Connect(Unix("file")), HasErrno(ECONNREFUSED));
  const Handle listener = Must(Listen(Unix("socket"), 1));
  std::vector<Handle> waiting;
  absl::StatusOr<Handle> next = Connect(Unix("socket"));
  while (next.ok() && waiting.size() < 8) {
    waiting.push_back(*std::move(next));
    next = Connect(Unix("socket"));
  }
  EXPECT_THAT(next, HasErrno(EAGAIN));
  EXPECT_THAT(next, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SocketsTest, OnlyAListenerAccepts) {
  HandlePair pair = WrapPair(UnixPair(SOCK_STREAM), SOCK_STREAM);
  EXPECT_EQ(ReasonOf(Accept(pair.first)), "NOT_A_LISTENER");
  Handle listener = Must(Listen(At("127.0.0.1:0"), 8));
  EXPECT_THAT(TryRead(listener), HasErrno(EBADF));
  EXPECT_THAT(WriteSome(listener, {.data = "x"}), HasErrno(EBADF));
}

TEST_F(SocketsTest, AFullTableIsSaid) {
  Handle listener = Must(Listen(At("127.0.0.1:0"), 8));
  const Handle client = Must(Connect(PlaceOf(listener)));
  Await(listener, kIn);
  const Endpoint door = PlaceOf(listener);
  const Endpoint anywhere = At("127.0.0.1:0");
  const auto statuses = [&]() -> std::vector<absl::Status> {
    const DescriptorLimit limit(3);
    return {Listen(anywhere, 8).status(), Connect(door).status(),
            MakeDatagramSocket(anywhere, {}).status(),
            Accept(listener).status()};
  };
  // Outside of the limit: UBSan checks matchers by descriptors of its own.
  for (const absl::Status& status : statuses()) {
    EXPECT_THAT(status, HasErrno(EMFILE));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_THAT(Accept(listener), IsOk());
}

// ---- Datagrams.

TEST_F(SocketsTest, DatagramsKnowTheirWay) {
  for (const auto& [one, two] :
       {std::pair(At("127.0.0.1:0"), At("127.0.0.1:0")),
        std::pair(At("[::1]:0"), At("[::1]:0")),
        std::pair(Unix("one"), Unix("two"))}) {
    SCOPED_TRACE(one.address.Text());
    Handle first = Must(MakeDatagramSocket(one, {}));
    Handle second = Must(MakeDatagramSocket(two, {}));
    const Endpoint to_second = PlaceOf(second);

    for (const char* const word : {"a message", "", "another"}) {
      const auto put =
          Must(WriteSome(first, {.data = word, .destination = &to_second}));
      EXPECT_EQ(put.bytes_written, strlen(word));
    }
    Await(second, kIn);
    const ReadResult cut = Must(TryRead(second, 5));
    EXPECT_EQ(cut.data, "a mes");
    EXPECT_TRUE(cut.truncated);
    EXPECT_EQ(cut.source->Text(), DescribeSocket(first).local);
    EXPECT_EQ(Take(second), "");
    EXPECT_EQ(Take(second), "another");
    EXPECT_EQ(Take(second), "(would block)");
  }
}

TEST_F(SocketsTest, AConnectedDatagramSocketHasOnePeer) {
  Handle bound = Must(MakeDatagramSocket(At("127.0.0.1:0"), {}));
  Handle sender = Must(MakeDatagramSocket({}, PlaceOf(bound)));

  EXPECT_EQ(Put(sender, "hello"), 5u);

  Await(bound, kIn);
  EXPECT_EQ(Take(bound), "hello");
  EXPECT_EQ(DescribeSocket(sender).peer, DescribeSocket(bound).local);
  EXPECT_THAT(WriteSome(bound, {.data = "x"}), HasErrno(EDESTADDRREQ));
}

TEST_F(SocketsTest, DatagramSocketsWantAddressesOfAKind) {
  EXPECT_EQ(ReasonOf(MakeDatagramSocket({}, {})), "BAD_ADDRESS");
  EXPECT_EQ(ReasonOf(MakeDatagramSocket(At("127.0.0.1:0"), At("[::1]:1"))),
            "BAD_ADDRESS");
  EXPECT_THAT(MakeDatagramSocket({}, Unix("none")), HasErrno(ENOENT));
  Handle socket = Must(MakeDatagramSocket(At("127.0.0.1:0"), {}));
  const Endpoint to = PlaceOf(socket);
  EXPECT_THAT(
      WriteSome(socket, {.data = std::string(70000, 'x'), .destination = &to}),
      HasErrno(EMSGSIZE));
}

TEST_F(SocketsTest, AnUnconnectedDatagramSocketIsNotFailed) {
  const Handle socket = Must(MakeDatagramSocket(At("127.0.0.1:0"), {}));
  EXPECT_EQ(DescribeSocket(socket).phase, Phase::kUnconnected);
  EXPECT_TRUE(absl::StartsWith(DescribeSocket(socket).local, "127.0.0.1:"));
  EXPECT_EQ(DescribeSocket(socket).peer, "");
}

}  // namespace
}  // namespace farpoll::server
