// tests/server/accept/listener_test.cc: room: tests. Listening sockets: who may
// reach them, what they take the place of, what they leave behind.
#include "server/accept/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <barrier>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

class ListenerTest : public testing::Test {
 protected:
  Address Unix() const {
    Address address;
    address.unix_path = folder_.path() + "/s";
    return address;
  }

  bool Exists() const { return access(Unix().unix_path.c_str(), F_OK) == 0; }

  mode_t ModeOfSocket() const {
    struct stat status {};
    MustSucceed(stat(Unix().unix_path.c_str(), &status), "stat");
    return status.st_mode & 0777;
  }

  std::string LockPath() const { return Unix().unix_path + ".lock"; }

  // Whether somebody listens on Unix().
  bool IsReached() const {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    Unix().unix_path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    return connect(fd.get(), reinterpret_cast<const sockaddr*>(&name),
                   sizeof(name)) == 0;
  }

  // A socket of somebody else's that listens on Unix(), or did.
  UniqueFd ListenThere() const {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    Unix().unix_path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    MustSucceed(
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)),
        "bind");
    MustSucceed(listen(fd.get(), 1), "listen");
    return fd;
  }

  TemporaryFolder folder_;
};

TEST_F(ListenerTest, AUnixSocketIsItsOwnersAlone) {
  const absl::StatusOr<Listener> listener = Listener::On(Unix());

  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(ModeOfSocket(), mode_t{0600});
}

TEST_F(ListenerTest, AModeIsKeptWhateverTheUmask) {
  const mode_t before = umask(077);
  const absl::StatusOr<Listener> listener = Listener::On(Unix(), 0660);
  umask(before);

  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(ModeOfSocket(), mode_t{0660});
}

TEST_F(ListenerTest, AUnixSocketGoesWithItsListener) {
  { const absl::StatusOr<Listener> listener = Listener::On(Unix()); }

  EXPECT_FALSE(Exists());
}

TEST_F(ListenerTest, AnothersSocketInItsPlaceStays) {
  absl::StatusOr<Listener> listener = Listener::On(Unix());
  ASSERT_THAT(listener, IsOk());
  unlink(Unix().unix_path.c_str());
  const UniqueFd other = ListenThere();

  { const Listener gone = *std::move(listener); }

  EXPECT_TRUE(Exists());
}

TEST_F(ListenerTest, ASocketInUseIsTaken) {
  const UniqueFd other = ListenThere();

  const absl::Status status = Listener::On(Unix()).status();

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasErrno(EADDRINUSE));
  EXPECT_EQ(DetailOf(status).subject, Unix().Text());
  EXPECT_TRUE(Exists());
}

TEST_F(ListenerTest, ASocketThatNobodyListensOnIsReplaced) {
  ListenThere();
  ASSERT_TRUE(Exists());

  EXPECT_THAT(Listener::On(Unix()), IsOk());
}

// Between bind(2) and listen(2) a socket looks like one that was left behind.
TEST_F(ListenerTest, OfTwoThatStartAtOnceOneListensAndIsReached) {
  for (int round = 0; round < 500; ++round) {
    ListenThere();  // a stale one
    std::barrier start(2);
    std::vector<absl::optional<absl::StatusOr<Listener>>> made(2);
    const auto listen_at_once = [&](std::size_t i) {
      start.arrive_and_wait();
      made[i].emplace(Listener::On(Unix()));
    };
    std::thread other(listen_at_once, 1);
    listen_at_once(0);
    other.join();

    ASSERT_NE(made[0]->ok(), made[1]->ok()) << "in round " << round;
    const absl::StatusOr<Listener>& loser = *made[made[0]->ok() ? 1 : 0];
    EXPECT_THAT(loser.status(), HasErrno(EADDRINUSE));
    ASSERT_TRUE(IsReached()) << "in round " << round;
  }
}

TEST_F(ListenerTest, APlaceThatAnotherServerIsTakingIsTaken) {
  const UniqueFd lock(
      open(LockPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  MustSucceed(flock(lock.get(), LOCK_EX), "flock");

  EXPECT_THAT(Listener::On(Unix()), HasErrno(EADDRINUSE));
}

TEST_F(ListenerTest, ALockThatWasLeftBehindIsNoObstacle) {
  std::ofstream(LockPath()) << "";

  EXPECT_THAT(Listener::On(Unix()), IsOk());

  EXPECT_NE(access(LockPath().c_str(), F_OK), 0);
}

TEST_F(ListenerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(Unix().unix_path) << "precious";

  EXPECT_THAT(Listener::On(Unix()), HasErrno(EEXIST));

  EXPECT_TRUE(Exists());
}

TEST_F(ListenerTest, AMissingFolderIsSaid) {
  Address address;
  address.unix_path = folder_.path() + "/none/s";

  EXPECT_THAT(Listener::On(address), HasErrno(ENOENT));
}

TEST_F(ListenerTest, ATakenPortIsSaid) {
  const UniqueFd other = TcpListener();
  sockaddr_in name{};
  socklen_t size = sizeof(name);
  MustSucceed(
      getsockname(other.get(), reinterpret_cast<sockaddr*>(&name), &size),
      "getsockname");
  const auto address =
      ParseAddress(absl::StrCat("127.0.0.1:", ntohs(name.sin_port)));

  EXPECT_THAT(Listener::On(*address), HasErrno(EADDRINUSE));
}

TEST_F(ListenerTest, PortZeroIsAnyFreeOne) {
  const absl::StatusOr<Listener> four =
      Listener::On(*ParseAddress("127.0.0.1:0"));
  const absl::StatusOr<Listener> name =
      Listener::On(*ParseAddress("localhost:0"));

  ASSERT_THAT(four, IsOk());
  ASSERT_THAT(name, IsOk());
  EXPECT_NE(four->address().port, 0);
  EXPECT_NE(name->address().port, four->address().port);
}

}  // namespace
}  // namespace farpoll::server
