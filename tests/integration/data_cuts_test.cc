// tests/integration/data_cuts_test.cc: room: tests. Bytes that travel in events
// through connections that are cut at random: each arrives once, in its place.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/cuts.h"

namespace farpoll {
namespace {

// A row of bytes that depend on their place, made in pieces of any size.
class Bytes {
 public:
  // The next `count` of them.
  std::string Next(std::size_t count) {
    while (made_.size() < count) {
      const std::uint64_t word = words_();
      made_.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    std::string next = made_.substr(0, count);
    made_.erase(0, count);
    return next;
  }

 private:
  std::mt19937_64 words_{42};
  std::string made_;
};

// Two ends that this process holds, and that block.
struct Ends {
  Ends() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    Hold(fds);
  }
  explicit Ends(int socket_type) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, socket_type | SOCK_CLOEXEC, 0, fds), 0);
    Hold(fds);
  }
  void Hold(const int (&fds)[2]) {
    reader.Reset(fds[0]);
    writer.Reset(fds[1]);
  }
  // Writes all of `bytes`, unless nobody reads any more.
  void Write(absl::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t wrote = write(writer.get(), bytes.data(), bytes.size());
      if (wrote < 0) {
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }

  UniqueFd reader;
  UniqueFd writer;
};

// FARPOLL_SOAK is in the environment of --config=soak.
std::int64_t BytesInAll() {
  return std::getenv("FARPOLL_SOAK") != nullptr ? std::int64_t{1} << 30
                                                : std::int64_t{64} << 20;
}

class DataCuts : public ProxyTest {
 protected:
  void SetUp() override {
    (void)std::signal(SIGPIPE, SIG_IGN);
    ProxyTest::SetUp();
  }

  // Hands `fd` over and has its events bring `read_bytes`.
  void Watch(int fd, Trigger trigger, std::int32_t read_bytes) {
    selector_.emplace(MakeSelector());
    handles_.push_back(*session_->Pass(fd));
    ASSERT_THAT(selector_->Register(handles_[0], kIn, trigger, 0, read_bytes),
                IsOk());
  }

  // Calls `take` with what each event brings, until the end of file. False when
  // something went wrong.
  template <class Take>
  bool Follow(std::int32_t credits, const Take& take) {
    Selector far = Far();
    WaitOptions options;
    options.credits = credits;
    options.timeout = absl::Seconds(20);
    absl::StatusOr<EventStream> stream = far.WaitFor(options, Hasty());
    EXPECT_THAT(stream, IsOk());
    while (const WaitResult* const result = stream->Next()) {
      for (const client::Event& event : result->events) {
        if (!event.data.has_value() || event.data->end_of_file) {
          return event.data.has_value();
        }
        if (!take(*event.data)) {
          ADD_FAILURE() << "at result " << result->position.sequence;
          return false;
        }
      }
      if (result->events.empty()) {
        ADD_FAILURE() << "nothing came any more";
        return false;
      }
    }
    ADD_FAILURE() << stream->status();
    return false;
  }

  void TearDown() override {
    selector_.reset();
    ProxyTest::TearDown();
  }

  absl::optional<Selector> selector_;
};

INSTANTIATE_PROXY_TESTS(DataCuts);

TEST_P(DataCuts, NoByteIsLostOrDoubledThroughAHundredCuts) {
  StartCutting(/*most_bytes_to_cut=*/800'000);
  SCOPED_TRACE(seed_);
  const std::int64_t in_all = BytesInAll();
  Ends pipe;
  Watch(pipe.reader.get(), Trigger::kLevel, 64 << 10);
  std::thread writer([&] {
    Bytes bytes;
    for (std::int64_t left = in_all; left > 0;) {
      const std::string piece = bytes.Next(
          static_cast<std::size_t>(std::min<std::int64_t>(left, 60'000)));
      pipe.Write(piece);
      left -= static_cast<std::int64_t>(piece.size());
    }
    pipe.writer.Reset();
  });

  Bytes expected;
  std::int64_t taken = 0;
  EXPECT_TRUE(Follow(/*credits=*/8, [&](const EventData& brought) {
    taken += static_cast<std::int64_t>(brought.data.size());
    return expected.Next(brought.data.size()) == brought.data;
  }));

  pipe.reader.Reset();
  handles_.clear();  // a writer that waits is told
  writer.join();
  EXPECT_EQ(taken, in_all);
  EXPECT_GE(proxy_->cuts(), 100);
  RecordProperty("cuts", proxy_->cuts());
}

TEST_P(DataCuts, AnEdgeLosesNothingEither) {
  StartCutting(/*most_bytes_to_cut=*/100'000);
  SCOPED_TRACE(seed_);
  constexpr std::int64_t kInAll = 4 << 20;
  Ends pipe;
  Watch(pipe.reader.get(), Trigger::kEdge, 10'000);
  std::thread writer([&] {
    Bytes bytes;
    for (int i = 0; i < kInAll / 4096; ++i) {
      pipe.Write(bytes.Next(4096));
    }
    pipe.writer.Reset();
  });

  Bytes expected;
  std::int64_t taken = 0;
  EXPECT_TRUE(Follow(/*credits=*/4, [&](const EventData& brought) {
    taken += static_cast<std::int64_t>(brought.data.size());
    return expected.Next(brought.data.size()) == brought.data;
  }));

  pipe.reader.Reset();
  handles_.clear();
  writer.join();
  EXPECT_EQ(taken, kInAll);
  EXPECT_GE(proxy_->cuts(), 20);
}

TEST_P(DataCuts, MessagesArriveWholeAndOnce) {
  StartCutting(/*most_bytes_to_cut=*/12'000);
  SCOPED_TRACE(seed_);
  constexpr int kMessages = 5'000;
  Ends pair(SOCK_SEQPACKET);
  Watch(pair.reader.get(), Trigger::kLevel, 64);
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) {
      pair.Write(absl::StrCat("message ", i));
    }
    pair.writer.Reset();
  });

  int taken = 0;
  EXPECT_TRUE(Follow(/*credits=*/4, [&](const EventData& brought) {
    return brought.data == absl::StrCat("message ", taken++);
  }));

  pair.reader.Reset();
  handles_.clear();
  writer.join();
  EXPECT_EQ(taken, kMessages);
  EXPECT_GE(proxy_->cuts(), 20);
}

}  // namespace
}  // namespace farpoll
