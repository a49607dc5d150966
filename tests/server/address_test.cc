// tests/server/address_test.cc: room: tests. Where a server may listen.
#include "server/address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

// ---- Reading addresses.

struct GoodRow {
  const char* name;
  std::string text;
  std::string normal;
};

class GoodAddressTest : public testing::TestWithParam<GoodRow> {};

TEST_P(GoodAddressTest, IsRead) {
  const absl::StatusOr<Address> address = ParseAddress(GetParam().text);

  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(address->Text(), GetParam().normal);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodAddressTest,
    testing::Values(GoodRow{"Unix", "unix:/tmp/s", "unix:/tmp/s"},
                    GoodRow{"UnixRelative", "unix:s", "unix:s"},
                    GoodRow{"UnixLongest", "unix:" + std::string(107, 'x'),
                            "unix:" + std::string(107, 'x')},
                    GoodRow{"Loopback", "127.0.0.1:80", "127.0.0.1:80"},
                    GoodRow{"LoopbackNet", "127.9.9.9:65535",
                            "127.9.9.9:65535"},
                    GoodRow{"AnyPort", "localhost:0", "localhost:0"},
                    GoodRow{"SixBracketed", "[::1]:7", "[::1]:7"},
                    GoodRow{"SixBare", "::1:7", "[::1]:7"}),
    [](const auto& info) { return std::string(info.param.name); });

struct BadRow {
  const char* name;
  std::string text;
};

class BadAddressTest : public testing::TestWithParam<BadRow> {};

TEST_P(BadAddressTest, IsRefused) {
  const absl::StatusOr<Address> address = ParseAddress(GetParam().text);

  EXPECT_THAT(address, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(address.status().message()),
              testing::HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadAddressTest,
    testing::Values(
        BadRow{"Empty", ""}, BadRow{"UnixEmpty", "unix:"},
        BadRow{"UnixTooLong", "unix:" + std::string(108, 'x')},
        BadRow{"NoPort", "127.0.0.1"}, BadRow{"EmptyPort", "127.0.0.1:"},
        BadRow{"PortTooBig", "127.0.0.1:65536"},
        BadRow{"PortNegative", "127.0.0.1:-1"},
        BadRow{"PortWord", "127.0.0.1:http"}, BadRow{"Unclosed", "[::1:7"},
        BadRow{"Everywhere", "0.0.0.0:80"}, BadRow{"SixEverywhere", "[::]:80"},
        BadRow{"OtherMachine", "192.168.0.1:80"},
        BadRow{"Name", "example.com:80"}, BadRow{"NoHost", ":80"}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Trying them.

class ProbeTest : public testing::Test {
 protected:
  Address Unix() const {
    Address address;
    address.unix_path = folder_.path() + "/s";
    return address;
  }

  bool Exists() const { return access(Unix().unix_path.c_str(), F_OK) == 0; }

  // A socket that listens on Unix(), or did.
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

TEST_F(ProbeTest, AFreePathIsLeftFree) {
  EXPECT_THAT(ProbeAddress(Unix()), IsOk());
  EXPECT_FALSE(Exists());
}

TEST_F(ProbeTest, ASocketInUseIsTaken) {
  const UniqueFd listener = ListenThere();

  const absl::Status status = ProbeAddress(Unix());

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasErrno(EADDRINUSE));
  EXPECT_EQ(DetailOf(status).subject, Unix().Text());
  EXPECT_TRUE(Exists());
}

TEST_F(ProbeTest, ASocketThatNobodyListensOnIsRemoved) {
  ListenThere();
  ASSERT_TRUE(Exists());

  EXPECT_THAT(ProbeAddress(Unix()), IsOk());

  EXPECT_FALSE(Exists());
}

TEST_F(ProbeTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(Unix().unix_path) << "precious";

  EXPECT_THAT(ProbeAddress(Unix()), HasErrno(EEXIST));

  EXPECT_TRUE(Exists());
}

TEST_F(ProbeTest, AMissingFolderIsSaid) {
  Address address;
  address.unix_path = folder_.path() + "/none/s";

  EXPECT_THAT(ProbeAddress(address), HasErrno(ENOENT));
}

TEST_F(ProbeTest, ATakenPortIsSaid) {
  const UniqueFd listener = TcpListener();
  sockaddr_in name{};
  socklen_t size = sizeof(name);
  MustSucceed(
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size),
      "getsockname");
  const auto address =
      ParseAddress(absl::StrCat("127.0.0.1:", ntohs(name.sin_port)));

  EXPECT_THAT(ProbeAddress(*address), HasErrno(EADDRINUSE));
}

TEST_F(ProbeTest, AnyPortIsFree) {
  EXPECT_THAT(ProbeAddress(*ParseAddress("127.0.0.1:0")), IsOk());
  EXPECT_THAT(ProbeAddress(*ParseAddress("localhost:0")), IsOk());
}

}  // namespace
}  // namespace farpoll::server
