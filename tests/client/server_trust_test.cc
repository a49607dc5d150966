// Which servers behind Unix sockets are trusted.
#include "client/server_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "client/client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace farpoll::client {
namespace {

constexpr uid_t kMe = 1000;
constexpr uid_t kService = 500;
constexpr uid_t kMallory = 666;

struct Row {
  const char* name;
  SocketPlace place;
  uid_t server;
  bool trusted;
};

class ServerTrustTest : public testing::TestWithParam<Row> {};

TEST_P(ServerTrustTest, IsDecided) {
  const Row& row = GetParam();

  EXPECT_EQ(WhyNotTrusted(row.place, row.server) == nullptr, row.trusted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ServerTrustTest,
    testing::Values(
        Row{"MineInMyFolder", {kMe, kMe, false, true}, kMe, true},
        Row{"RootsInRootsFolder", {kMe, 0, false, false}, 0, true},
        Row{"MineInASharedStickyFolder", {kMe, 0, false, false}, kMe, true},
        Row{"AnothersInASharedStickyFolder",
            {kMe, 0, false, false},
            kMallory,
            false},
        Row{"AServicesInItsFolder",
            {kMe, kService, false, false},
            kService,
            true},
        Row{"AnothersInAServicesFolder",
            {kMe, kService, false, false},
            kMallory,
            false},
        Row{"AnothersInMyFolder", {kMe, kMe, false, false}, kMallory, false},
        Row{"MineWhereEverybodyWrites", {kMe, kMe, true, false}, kMe, false},
        Row{"AnothersInThePlaceOfMine",
            {kMe, kMallory, false, true},
            kMallory,
            false},
        Row{"MineInAnothersPlaceOfMine",
            {kMe, kMallory, false, true},
            kMe,
            false},
        Row{"MineInAPlaceThatRootMade", {kMe, 0, false, true}, kMe, true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CheckSocketTest, AFolderThatEverybodyWritesIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/s";
  EXPECT_THAT(CheckSocket(path), IsOk());
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);

  const absl::Status refused = CheckSocket(path);

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(DetailOf(refused).reason, "SERVER_NOT_TRUSTED");
  ASSERT_EQ(chmod(folder.path().c_str(), 01777), 0);
  EXPECT_THAT(CheckSocket(path), IsOk());
}

TEST(CheckSocketTest, WhatIsNotThereIsForConnectingToSay) {
  const TemporaryFolder folder;

  EXPECT_THAT(CheckSocket(folder.path() + "/none/s"), IsOk());
}

// ---- Another user's server.

constexpr uid_t kBob = 11'002;

// Runs `work` as `user`; whether that was allowed. To the kernel, credentials
// are a thread's.
bool RunAs(uid_t user, const std::function<void()>& work) {
  bool allowed = false;
  std::thread([&] {
    allowed = syscall(SYS_setgroups, 0, nullptr) == 0 &&
              syscall(SYS_setresgid, user, user, user) == 0 &&
              syscall(SYS_setresuid, user, user, user) == 0;
    if (allowed) {
      work();
    }
  }).join();
  return allowed;
}

// A folder like /tmp, with a listening socket of Bob's in it.
class AnothersServerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(chmod(folder_.path().c_str(), 01777), 0); }
  // Listens at `path` as Bob; false where that is not allowed.
  bool ListenAsBob(const std::string& path) {
    return RunAs(kBob, [&] {
      sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
      path.copy(name.sun_path, sizeof(name.sun_path) - 1);
      ASSERT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name),
                     sizeof(name)),
                0);
      ASSERT_EQ(listen(socket_.get(), 1), 0);
    });
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/s";
  UniqueFd socket_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(AnothersServerTest, IsNotConnectedTo) {
  if (!ListenAsBob(path_)) {
    GTEST_SKIP() << "only root can be somebody else";
  }

  EXPECT_EQ(DetailOf(Client::Connect("unix:" + path_).status()).reason,
            "SERVER_NOT_TRUSTED");
}

// Its socket comes after the client has looked.
TEST_F(AnothersServerTest, IsHandedNoDescriptor) {
  absl::StatusOr<Client> client = Client::Connect("unix:" + path_);
  ASSERT_THAT(client, IsOk());
  if (!ListenAsBob(path_ + ".fd")) {
    GTEST_SKIP() << "only root can be somebody else";
  }

  const absl::Status refused =
      client->AttachSession("any").AttachHandle("secret").Fetch().status();

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(DetailOf(refused).reason, "SERVER_NOT_TRUSTED");
  const UniqueFd connection(accept(socket_.get(), nullptr, nullptr));
  char byte = 0;
  EXPECT_EQ(read(connection.get(), &byte, 1), 0);  // closed without a word
}

}  // namespace
}  // namespace farpoll::client
