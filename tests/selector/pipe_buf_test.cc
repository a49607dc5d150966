// PipeBuf.*: what "ready for writing" promises of a pipe.
// Source: docs/semantics.md sections 5 and 8.
#include "selector/pipe_buf.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/poll_object.h"
#include "tests/support/blocked_call.h"
#include "tests/support/event_matchers.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kPage(kPipeBuf, 'p');

// A pipe, and a poll object that asks whether it can be written.
class PipeBuf : public testing::Test {
 protected:
  PipeBuf() { EXPECT_THAT(poll_->Register(pipe_.writer(), kOut), IsOk()); }

  auto LookOnce() { return poll_->Poll(Timeout::Zero()); }
  auto Writable() {
    return IsOkAndHolds(ElementsAre(IsEvent(pipe_.writer(), kOut)));
  }

  Pipe pipe_;
  const std::unique_ptr<PollObject> poll_ = *PollObject::Create();
};

TEST_F(PipeBuf, Constant) { EXPECT_EQ(kPipeBuf, 4096u); }

TEST_F(PipeBuf, OutMeansWholeWrite) {
  std::size_t pages = 0;
  while (!LookOnce()->empty()) {
    ASSERT_EQ(Write(pipe_.writer(), kPage), kPipeBuf);
    ++pages;
  }

  EXPECT_EQ(pages, 16u);
}

TEST_F(PipeBuf, NoOutUntilPageFree) {
  Fill(pipe_.writer());
  Read(pipe_.reader(), 4095);
  EXPECT_THAT(LookOnce(), IsOkAndHolds(IsEmpty()));

  Read(pipe_.reader(), 1);

  EXPECT_THAT(LookOnce(), Writable());
  EXPECT_EQ(Write(pipe_.writer(), kPage), kPipeBuf);
}

TEST_F(PipeBuf, PartialAbove) {
  Fill(pipe_.writer());
  Read(pipe_.reader(), kPipeBuf);
  ASSERT_THAT(LookOnce(), Writable());

  EXPECT_EQ(Write(pipe_.writer(), kPage + "x"), kPipeBuf);
}

TEST_F(PipeBuf, MergeDoesNotFake) {
  for (int page = 0; page < 15; ++page) {
    Write(pipe_.writer(), kPage);
  }
  ASSERT_THAT(LookOnce(), Writable());
  Write(pipe_.writer(), "x");

  EXPECT_THAT(LookOnce(), IsOkAndHolds(IsEmpty()));

  EXPECT_EQ(Write(pipe_.writer(), kPage.substr(1)), kPipeBuf - 1);
}

TEST_F(PipeBuf, OnePagePipe) {
  ASSERT_GE(fcntl(pipe_.writer(), F_SETPIPE_SZ, 4096), 0);
  ASSERT_THAT(LookOnce(), Writable());

  Write(pipe_.writer(), "x");

  EXPECT_THAT(LookOnce(), IsOkAndHolds(IsEmpty()));
}

TEST_F(PipeBuf, TwoWriters) {
  constexpr std::size_t kBlocks = 200;
  ASSERT_EQ(fcntl(pipe_.writer(), F_SETFL, 0), 0);  // let the writers block
  ASSERT_EQ(fcntl(pipe_.reader(), F_SETFL, 0), 0);
  const auto write_blocks = [this](char letter) {
    const std::string block(kPipeBuf, letter);
    for (std::size_t i = 0; i < kBlocks; ++i) {
      ASSERT_EQ(Write(pipe_.writer(), block), kPipeBuf);
    }
  };
  BlockedCall first([&] { write_blocks('a'); });
  BlockedCall second([&] { write_blocks('b'); });

  std::string all;
  while (all.size() < 2 * kBlocks * kPipeBuf) {
    all += Read(pipe_.reader());
  }

  for (std::size_t at = 0; at < all.size(); at += kPipeBuf) {
    ASSERT_EQ(
        std::count(all.begin() + static_cast<std::ptrdiff_t>(at),
                   all.begin() + static_cast<std::ptrdiff_t>(at + kPipeBuf),
                   all[at]),
        static_cast<std::ptrdiff_t>(kPipeBuf));
  }
}

TEST_F(PipeBuf, ReaderGone) {
  const auto before = signal(SIGPIPE, SIG_IGN);
  pipe_.read_end.Reset();

  EXPECT_THAT(
      LookOnce(),
      IsOkAndHolds(ElementsAre(IsEvent(pipe_.writer(), kOut | kError))));

  EXPECT_EQ(write(pipe_.writer(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  signal(SIGPIPE, before);
}

}  // namespace
}  // namespace farpoll
