// tests/server/accept/address_test.cc: room: tests. Where a server may listen.
#include "server/accept/address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace farpoll::server
