// tests/integration/attacks_test.cc: room: tests. What a stranger on a TCP port
// of the server can do to it, and what its owner notices of that.
//
// Each attack prints what it held: threads and memory of the server before and
// after, and the owner's slowest calls before and meanwhile. None of these
// times is judged here; a server that stood still would fail by its owner's
// deadline.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"
#include "tests/support/raw_http2.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

constexpr char kReflect[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kKeepAlive[] = "/farpoll.v1.SessionService/KeepAlive";
constexpr char kGetServer[] = "/farpoll.v1.ServerService/GetServer";

// A sanitizer's heap is larger, and gives nothing back at once.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
constexpr std::int64_t kHeapFactor = 4;
#else
constexpr std::int64_t kHeapFactor = 1;
#endif

struct Usage {
  std::int64_t threads = 0;
  std::int64_t resident_kb = 0;
};

class Attacks : public testing::Test {
 protected:
  void Start(std::vector<std::string> flags) {
    flags.push_back("--listen=unix:" + folder_.path() + "/s");
    flags.push_back("--listen=127.0.0.1:0");
    flags.push_back("--log-level=warning");
    server_ = std::make_unique<Farpolld>(flags);
    const std::vector<std::string> addresses =
        absl::StrSplit(server_->AwaitAddress(), ", ");
    ASSERT_EQ(addresses.size(), 2u);
    owner_ = std::make_unique<Peer>(addresses[0]);
    door_ = addresses[1];
    MeasureOwner(200);  // warms up
  }

  // What the kernel says of the server.
  Usage Look() const {
    std::ifstream status(absl::StrCat("/proc/", server_->pid(), "/status"));
    Usage usage;
    for (std::string line; std::getline(status, line);) {
      absl::string_view rest = line;
      if (absl::ConsumePrefix(&rest, "Threads:")) {
        (void)absl::SimpleAtoi(absl::StripAsciiWhitespace(rest),
                               &usage.threads);
      } else if (absl::ConsumePrefix(&rest, "VmRSS:")) {
        (void)absl::SimpleAtoi(
            absl::StripAsciiWhitespace(absl::StripSuffix(rest, " kB")),
            &usage.resident_kb);
      }
    }
    return usage;
  }

  // The 99th of 100 of the owner's calls, which all have to succeed.
  absl::Duration MeasureOwner(int calls) {
    std::vector<absl::Duration> spans;
    for (int i = 0; i < calls; ++i) {
      const absl::Time begun = absl::Now();
      EXPECT_THAT(owner_->Call(&ServerInfo::GetServer, ""), Succeeds());
      spans.push_back(absl::Now() - begun);
    }
    std::sort(spans.begin(), spans.end());
    return spans[spans.size() * 99 / 100];
  }

  // Runs `attack` on a thread of its own, with the owner at work meanwhile;
  // what the server holds at the end of it, before anything is let go of.
  Usage Under(absl::string_view name, const std::function<void()>& attack) {
    const absl::Duration before = MeasureOwner(300);
    const Usage at_first = Look();
    std::atomic<bool> over{false};
    std::thread attacker([&] {
      attack();
      over = true;
    });
    absl::Duration meanwhile = absl::ZeroDuration();
    do {
      meanwhile = std::max(meanwhile, MeasureOwner(100));
    } while (!over);
    attacker.join();
    const Usage at_last = Look();
    std::printf(
        "%s: threads %ld -> %ld, memory %ld -> %ld kB, owner's p99 %s -> %s\n",
        std::string(name).c_str(), static_cast<long>(at_first.threads),
        static_cast<long>(at_last.threads),
        static_cast<long>(at_first.resident_kb),
        static_cast<long>(at_last.resident_kb),
        absl::FormatDuration(absl::Trunc(before, absl::Microseconds(1)))
            .c_str(),
        absl::FormatDuration(absl::Trunc(meanwhile, absl::Microseconds(1)))
            .c_str());
    grown_.threads = at_last.threads - at_first.threads;
    grown_.resident_kb = at_last.resident_kb - at_first.resident_kb;
    return at_last;
  }

  // What the server says when it has stopped.
  std::string StopAndTell() {
    owner_.reset();
    EXPECT_EQ(server_->Stop(), 0);
    return server_->Errors();
  }

  const std::string& door() const { return door_; }
  Peer& owner() { return *owner_; }
  Usage grown_;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Farpolld> server_;
  std::unique_ptr<Peer> owner_;
  std::string door_;
};

TEST_F(Attacks, IdleReflectionStreamsTakeNoThreads) {
  Start({});
  RawHttp2 stranger(door());

  Under("5,000 idle reflection streams", [&] {
    for (int i = 0; i < 5000; ++i) {
      ASSERT_TRUE(stranger.StartCall(kReflect));
    }
  });

  EXPECT_LT(grown_.threads, 16);
  EXPECT_LT(grown_.resident_kb, kHeapFactor * 300'000);
}

TEST_F(Attacks, StreamsWithoutAMessageEndTheConnection) {
  Start({"--max-connection-streams=500"});
  RawHttp2 stranger(door());
  int begun = 0;

  Under("streams without a first message", [&] {
    while (begun < 20'000 && stranger.StartCall(kGetServer)) {
      ++begun;
    }
    EXPECT_TRUE(stranger.AwaitEnd());
  });

  EXPECT_LT(grown_.threads, 16);
  EXPECT_LT(grown_.resident_kb, kHeapFactor * 600'000);
  EXPECT_THAT(StopAndTell(), testing::HasSubstr("max_connection_streams"));
}

TEST_F(Attacks, WhoAcknowledgesNoSettingsGetsNoMoreCalls) {
  Start({"--max-connection-streams=500"});
  RawHttp2 stranger(door());

  Under("calls beyond the bound, SETTINGS not acknowledged", [&] {
    // Beside those that are refused, nobody answers an idle KeepAlive.
    for (int i = 0; i < 540; ++i) {
      ASSERT_TRUE(stranger.StartCall(kKeepAlive));
    }
    while (stranger.answered() < 40) {
      ASSERT_TRUE(stranger.AwaitAnswer());
    }
  });

  EXPECT_EQ(stranger.answered(), 40);
}

TEST_F(Attacks, RapidResetsEndTheConnection) {
  Start({"--max-connection-streams=500", "--max-connection-resets=1000"});
  RawHttp2 stranger(door());

  Under("streams reset at once", [&] {
    int resets = 0;
    while (resets < 100'000 && stranger.StartCall(kKeepAlive) &&
           stranger.Reset()) {
      ++resets;
    }
    EXPECT_TRUE(stranger.AwaitEnd());
  });

  EXPECT_LT(grown_.resident_kb, kHeapFactor * 300'000);
  EXPECT_THAT(StopAndTell(), testing::HasSubstr("connection.cut"));
}

TEST_F(Attacks, HeadersWithoutAnEndEndTheConnection) {
  Start({});
  RawHttp2 stranger(door());

  Under("headers without an end", [&] {
    std::int64_t bytes = 0;
    bool taken = stranger.StartHeaders(8 << 10);
    while (taken && bytes < std::int64_t{2} << 30) {
      taken = stranger.ContinueHeaders(15 << 10);
      bytes += 15 << 10;
    }
    EXPECT_FALSE(taken);
  });

  EXPECT_LT(grown_.resident_kb, kHeapFactor * 600'000);
  EXPECT_THAT(StopAndTell(), testing::HasSubstr("max_transit_bytes"));
}

TEST_F(Attacks, ACompressedMessageIsRefusedUnread) {
  Start({});
  const auto channel =
      grpc::CreateChannel(door(), grpc::InsecureChannelCredentials());
  const auto sessions = v1::SessionService::NewStub(channel);
  v1::CreateSessionRequest request;
  request.set_name(std::string(200 << 20, 'x'));

  Under("200 MB in a compressed message", [&] {
    grpc::ClientContext context;
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    v1::CreateSessionResponse response;

    const grpc::Status status =
        sessions->CreateSession(&context, request, &response);

    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED)
        << Describe(status);
  });

  EXPECT_LT(grown_.resident_kb, kHeapFactor * 30'000);
}

}  // namespace
}  // namespace farpoll
