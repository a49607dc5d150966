// tests/base/socket_address_test.cc: room: tests. Addresses as people write
// them.
#include "base/socket_address.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

TEST(SocketAddress, ReadsAndWritesTheSame) {
  for (const std::string& text : {
           std::string("127.0.0.1:0"),
           std::string("0.0.0.0:65535"),
           std::string("[::1]:80"),
           std::string("[::ffff:10.0.0.1]:80"),
           std::string("unix:/tmp/a socket"),
           std::string("unix:@name"),
           absl::StrCat("unix:/", std::string(106, 'x')),
           absl::StrCat("unix:@", std::string(107, 'x')),
       }) {
    const absl::StatusOr<SocketAddress> address =
        SocketAddress::Parse(text, "address");
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->Text(), text);
  }
}

TEST(SocketAddress, KnowsItsParts) {
  const SocketAddress tcp = *SocketAddress::Parse("[::1]:80", "");
  const SocketAddress path = *SocketAddress::Parse("unix:/tmp/s", "");
  const SocketAddress abstract = *SocketAddress::Parse("unix:@s", "");

  EXPECT_EQ(tcp.family(), AF_INET6);
  EXPECT_EQ(tcp.port(), 80);
  EXPECT_EQ(tcp.unix_path(), "");
  EXPECT_TRUE(path.is_unix());
  EXPECT_EQ(path.unix_path(), "/tmp/s");
  EXPECT_EQ(path.port(), 0);
  EXPECT_EQ(abstract.unix_path(), "");
  EXPECT_EQ(abstract.size(), offsetof(sockaddr_un, sun_path) + 2);
}

TEST(SocketAddress, RefusesWhatIsNone) {
  for (const std::string& text : {
           std::string(),
           std::string("127.0.0.1"),
           std::string("127.0.0.1:"),
           std::string("127.0.0.1:65536"),
           std::string("127.0.0.1:-1"),
           std::string("127.0.0.1:+1"),
           std::string("127.0.0.1: 1"),
           std::string("127.0.0.1:000080"),
           std::string(":80"),
           std::string("localhost:80"),
           std::string("::1:80"),
           std::string("[::1:80"),
           std::string("[127.0.0.1]:80"),
           std::string("256.0.0.1:80"),
           std::string("127.1:80"),
           std::string("unix:"),
           std::string("unix:@"),
           std::string("unix:relative"),
           std::string("unix:/a\0b", 9),
           std::string("unix:@a\0b", 9),
           std::string("127.0.0.1\0:80", 13),
           absl::StrCat("unix:/", std::string(107, 'x')),
           absl::StrCat("unix:@", std::string(108, 'x')),
       }) {
    const absl::Status status = SocketAddress::Parse(text, "field").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(DetailOf(status).reason, "BAD_ADDRESS") << text;
    EXPECT_EQ(DetailOf(status).subject, "field") << text;
  }
}

TEST(SocketAddress, WritesAnyBytesOfUnixNames) {
  sockaddr_storage storage = {};
  auto& local = reinterpret_cast<sockaddr_un&>(storage);
  local.sun_family = AF_UNIX;
  constexpr socklen_t kOffset = offsetof(sockaddr_un, sun_path);
  EXPECT_EQ(SocketAddress(storage, kOffset).Text(), "");
  local.sun_path[1] = '\xff';
  EXPECT_EQ(SocketAddress(storage, kOffset + 3).Text(), "unix:@\\xff\\x00");
}

}  // namespace
}  // namespace farpoll
