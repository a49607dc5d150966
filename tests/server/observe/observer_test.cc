// tests/server/observe/observer_test.cc: room: tests. The log of changes and
// what observers are told of it, by samples and times that the test makes up.
#include "server/observe/observer.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/observe/change_log.h"
#include "server/observe/request.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string ReasonOf(const absl::Status& status) {
  return DetailOf(status).reason;
}

// "made 1 ready 4", "changed 1 ready 0 of 4".
std::string Text(const ObservedChange& change) {
  static constexpr const char* kWhat[] = {"present", "made", "changed",
                                          "closed", "left"};
  std::string text =
      absl::StrCat(kWhat[static_cast<int>(change.what)], " ", change.handle.id,
                   " ready ", change.handle.ready);
  if (change.bits_changed != 0) {
    absl::StrAppend(&text, " of ", change.bits_changed);
  }
  return text;
}

class ObserverTest : public testing::Test {
 protected:
  static HandleSample Sample(std::int64_t id, Events ready = 0,
                             absl::string_view name = "") {
    return {.id = id, .name = std::string(name), .ready = ready};
  }

  // A look that sees exactly these, in pages of two.
  void Look(const std::vector<HandleSample>& handles) {
    clock_.Advance(absl::Milliseconds(100));
    std::int64_t after = 0;
    std::size_t at = 0;
    for (; handles.size() - at >= 2; at += 2) {
      log_.Merge(after, absl::MakeConstSpan(handles).subspan(at, 2), false);
      after = handles[at + 1].id;
    }
    log_.Merge(after, absl::MakeConstSpan(handles).subspan(at), true);
  }

  // What `observer` is told now, of all frames that there are.
  std::vector<std::string> Told(Observer& observer) {
    std::vector<std::string> told;
    for (;;) {
      const auto frame = observer.Take(log_, clock_.Now());
      EXPECT_THAT(frame, IsOk());
      if (!frame.ok() || !frame->has_value()) {
        return told;
      }
      EXPECT_LE((*frame)->changes.size(), Observer::kMaxChanges);
      for (const ObservedChange& change : (*frame)->changes) {
        told.push_back(Text(change));
      }
      if ((*frame)->known.has_value()) {
        known_ = *(*frame)->known;
      }
    }
  }

  // Registered with these selectors, for kIn each.
  static HandleSample Registered(std::int64_t id,
                                 const std::vector<std::int64_t>& selectors,
                                 Events ready = 0) {
    HandleSample sample = Sample(id, ready);
    for (const std::int64_t selector : selectors) {
      sample.registrations.push_back({.selector_id = selector, .asked = kIn});
    }
    return sample;
  }

  Observer Resumed(std::int64_t after) {
    return Observer({.resume_after = after});
  }

  FakeClock clock_;
  ChangeLog log_{3};
  std::int64_t known_ = -1;  // of the last bookmark
};

TEST_F(ObserverTest, ASnapshotIsFollowedByChanges) {
  Observer observer({});
  Look({Sample(1), Sample(2, kOut), Sample(5)});
  EXPECT_THAT(Told(observer),
              ElementsAre("present 1 ready 0", "present 2 ready 4",
                          "present 5 ready 0"));
  EXPECT_EQ(known_, 3);

  Look({Sample(1, kIn), Sample(2, kOut), Sample(6)});
  EXPECT_THAT(Told(observer),
              ElementsAre("changed 1 ready 1 of 1", "closed 5 ready 0",
                          "made 6 ready 0"));
  Look({Sample(1, kIn), Sample(2, kOut), Sample(6)});
  EXPECT_THAT(Told(observer), IsEmpty());
  EXPECT_EQ(known_, log_.sequence());
}

TEST_F(ObserverTest, AnEmptySnapshotIsToldToo) {
  Observer observer({});
  Look({});
  EXPECT_THAT(Told(observer), IsEmpty());
  EXPECT_EQ(known_, 0);
}

TEST_F(ObserverTest, BitsThatWentUpAndDownAreToldAsOneChange) {
  Observer observer({});
  Look({Sample(1, kOut)});
  Told(observer);

  Look({Sample(1, kOut | kIn)});
  Look({Sample(1, kOut)});
  Look({Sample(1, kOut | kHangup)});

  EXPECT_THAT(Told(observer),
              ElementsAre(absl::StrCat("changed 1 ready ", kOut | kHangup,
                                       " of ", kIn | kHangup)));
}

TEST_F(ObserverTest, ARoundComesNoMoreOftenThanAskedFor) {
  Observer fast({.period = absl::Milliseconds(100)});
  Observer slow({.period = absl::Milliseconds(300)});
  Look({Sample(1)});
  EXPECT_EQ(Told(fast).size(), 1u);
  EXPECT_EQ(Told(slow).size(), 1u);

  int rounds_of_fast = 0;
  std::vector<std::string> of_slow;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(of_slow, IsEmpty());
    Look({Sample(1, i % 2 == 0 ? kIn : 0)});
    rounds_of_fast += static_cast<int>(Told(fast).size());
    of_slow = Told(slow);
  }

  EXPECT_EQ(rounds_of_fast, 3);
  EXPECT_THAT(of_slow, ElementsAre("changed 1 ready 1 of 1"));
}

TEST_F(ObserverTest, AHandleThatCameAndWentBetweenRoundsIsNotTold) {
  Observer observer({});
  Look({});
  Told(observer);

  Look({Sample(1)});
  Look({});

  EXPECT_THAT(Told(observer), IsEmpty());
}

TEST_F(ObserverTest, AResumedObserverIsToldWhatItMissed) {
  Observer first({});
  Look({Sample(1), Sample(2), Sample(3)});
  Told(first);
  Look({Sample(1), Sample(3, kIn), Sample(4)});

  Observer resumed = Resumed(known_);

  EXPECT_THAT(Told(resumed),
              ElementsAre("closed 2 ready 0", "changed 3 ready 1 of 1",
                          "made 4 ready 0"));
  Observer again = Resumed(known_);
  known_ = -1;
  EXPECT_THAT(Told(again), IsEmpty());
  EXPECT_EQ(known_, log_.sequence()) << "it is told where it stands";
}

TEST_F(ObserverTest, WhoMissedForgottenHandlesNeedsASnapshot) {
  const std::vector<HandleSample> all = {Sample(1), Sample(2), Sample(3),
                                         Sample(4), Sample(5)};
  Observer behind({});
  Look(all);
  Told(behind);
  const std::int64_t before = known_;
  Look({all[1], all[2], all[3], all[4]});
  Observer ahead({});
  Told(ahead);
  const std::int64_t after_the_first = known_;

  Look({all[4]});  // four closed, three remembered

  EXPECT_EQ(log_.floor(), after_the_first);
  const auto refused = behind.Take(log_, clock_.Now());
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(ReasonOf(refused.status()), "SNAPSHOT_REQUIRED");
  EXPECT_THAT(Resumed(before).Take(log_, clock_.Now()),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(Told(ahead), ElementsAre("closed 2 ready 0", "closed 3 ready 0",
                                       "closed 4 ready 0"));
  Observer anew({});
  EXPECT_THAT(Told(anew), ElementsAre("present 5 ready 0"));
}

TEST_F(ObserverTest, ALogIsAsLongAsThereAreHandles) {
  Observer stalled({});
  for (int i = 0; i < 1000; ++i) {
    const auto ready = static_cast<Events>(i);
    Look({Sample(1, ready), Sample(2, ready), Sample(100 + i, ready)});
  }

  EXPECT_EQ(log_.ChangedAfter(0).size(), 3u + 3u);  // and those remembered
  EXPECT_EQ(Told(stalled).size(), 3u) << "its snapshot was not begun yet";
}

TEST_F(ObserverTest, AManyFramedRoundEndsWithItsOnlyBookmark) {
  std::vector<HandleSample> handles;
  for (int i = 1; i <= 600; ++i) {
    handles.push_back(Sample(i));
  }
  Look(handles);
  Observer observer({});

  std::vector<std::size_t> sizes;
  std::vector<bool> bookmarks;
  for (auto frame = observer.Take(log_, clock_.Now()); frame->has_value();
       frame = observer.Take(log_, clock_.Now())) {
    sizes.push_back((*frame)->changes.size());
    bookmarks.push_back((*frame)->known.has_value());
  }

  EXPECT_THAT(sizes, ElementsAre(256u, 256u, 88u));
  EXPECT_THAT(bookmarks, ElementsAre(false, false, true));
}

TEST_F(ObserverTest, WhatChangesWhileARoundIsSentIsToldInTheNext) {
  std::vector<HandleSample> handles;
  for (int i = 1; i <= 300; ++i) {
    handles.push_back(Sample(i));
  }
  Look(handles);
  Observer observer({});
  ASSERT_EQ((*observer.Take(log_, clock_.Now()))->changes.size(), 256u);

  handles[0].ready = kIn;
  handles.erase(handles.begin() + 299);
  Look(handles);

  // 300 is gone before its turn came; that it was closed is told all the same.
  EXPECT_EQ((*observer.Take(log_, clock_.Now()))->changes.size(), 43u);
  EXPECT_THAT(Told(observer),
              ElementsAre("changed 1 ready 1 of 1", "closed 300 ready 0"));
}

TEST_F(ObserverTest, FiltersChooseKindsNamesAndBits) {
  HandleSample timer = Sample(2, 0, "tick");
  timer.kind = HandleKind::kTimer;
  Observer timers({.filter = {.kinds = {HandleKind::kTimer}}});
  Observer named({.filter = {.names = {"in*", "x"}}});
  Observer readable({.filter = {.bits = kIn}});
  Look({Sample(1, 0, "in.1"), timer});
  EXPECT_THAT(Told(timers), ElementsAre("present 2 ready 0"));
  EXPECT_THAT(Told(named), ElementsAre("present 1 ready 0"));
  EXPECT_EQ(Told(readable).size(), 2u);

  HandleSample used = Sample(1, kOut, "in.1");
  used.bytes_read = 7;
  Look({used, timer});
  EXPECT_THAT(Told(timers), IsEmpty());
  EXPECT_THAT(Told(named), ElementsAre("changed 1 ready 4 of 4"));
  EXPECT_THAT(Told(readable), IsEmpty());

  used.ready |= kIn;
  timer.exit = ExitStatus{.code = 3};
  Look({used, timer});
  EXPECT_THAT(Told(readable),
              ElementsAre("changed 1 ready 5 of 1", "changed 2 ready 0"));
}

TEST_F(ObserverTest, BookmarksComeWhenNothingElseDoes) {
  Observer observer({.filter = {.names = {"nobody"}},
                     .bookmark_interval = absl::Milliseconds(250)});
  Look({Sample(1)});
  Told(observer);

  std::vector<bool> came;
  for (int i = 0; i < 6; ++i) {
    Look({Sample(1, static_cast<Events>(i))});
    known_ = -1;
    EXPECT_THAT(Told(observer), IsEmpty());
    came.push_back(known_ == log_.sequence());
  }

  EXPECT_THAT(came, ElementsAre(false, false, true, false, false, true));
}

TEST_F(ObserverTest, PatternsFitAsInAShell) {
  for (const char* const pattern : {"*", "a*", "*c", "a*c", "abc", "**b**"}) {
    EXPECT_TRUE(FitsPattern("abc", pattern)) << pattern;
  }
  for (const char* const pattern : {"", "b", "ab", "abcd", "*b", "c*", "a*b"}) {
    EXPECT_FALSE(FitsPattern("abc", pattern)) << pattern;
  }
  EXPECT_TRUE(FitsPattern("", "*"));
  EXPECT_TRUE(FitsPattern("aXbXaXc", "a*X*c"));
  EXPECT_FALSE(FitsPattern(std::string(64, 'a'), "*a*a*a*a*a*a*a*b"));
}

TEST_F(ObserverTest, RegistrationsAreChanges) {
  Observer observer({});
  Observer of_bits({.filter = {.bits = kIn}});
  Look({Sample(1)});
  Told(observer);
  Told(of_bits);

  Look({Registered(1, {7})});
  EXPECT_THAT(Told(observer), ElementsAre("changed 1 ready 0"));
  HandleSample asked_more = Registered(1, {7});
  asked_more.registrations[0].asked |= kOut;
  Look({asked_more});
  EXPECT_THAT(Told(observer), ElementsAre("changed 1 ready 0"));
  Look({asked_more});
  EXPECT_THAT(Told(observer), IsEmpty());
  EXPECT_THAT(Told(of_bits), IsEmpty());
}

TEST_F(ObserverTest, BySelectorHandlesComeIntoSightAndLeave) {
  Observer observer({.filter = {.selectors = {7, 9}}});
  Look({Registered(1, {7}), Registered(2, {8}), Sample(3)});
  EXPECT_THAT(Told(observer), ElementsAre("present 1 ready 0"));

  Look({Registered(1, {7}), Registered(2, {8, 9}), Sample(3),
        Registered(4, {9})});
  EXPECT_THAT(Told(observer),
              ElementsAre("present 2 ready 0", "made 4 ready 0"));
  // From one that was asked for to another: it stays in sight.
  Look({Registered(1, {9}), Registered(2, {8}, kIn), Sample(3, kIn),
        Registered(4, {9})});
  EXPECT_THAT(Told(observer),
              ElementsAre("changed 1 ready 0", "left 2 ready 1 of 1"));
  Look({Registered(1, {9}), Registered(2, {8}), Sample(3)});
  EXPECT_THAT(Told(observer), ElementsAre("closed 4 ready 0"));
  // What it never saw, and what has left, is closed without a word.
  Look({Registered(1, {9})});
  EXPECT_THAT(Told(observer), IsEmpty());
}

TEST_F(ObserverTest, BySelectorNoGapIsSilent) {
  Observer observer({.filter = {.selectors = {7}}});
  Look({Registered(1, {7}), Registered(2, {7}), Registered(3, {7}), Sample(4)});
  Told(observer);
  const std::int64_t known = known_;

  // Away and back between two rounds, gone for good, and seen by nobody.
  Look({Sample(1), Sample(2), Sample(3), Registered(4, {7})});
  Look({Registered(1, {7}), Sample(2), Registered(5, {7})});
  Look({Registered(1, {7}), Sample(2)});
  const std::vector<std::string> told = Told(observer);
  EXPECT_THAT(
      told, testing::UnorderedElementsAre("changed 1 ready 0", "left 2 ready 0",
                                          "closed 3 ready 0"));
  Observer resumed({.filter = {.selectors = {7}}, .resume_after = known});
  EXPECT_THAT(Told(resumed), testing::UnorderedElementsAreArray(told));
}

TEST_F(ObserverTest, BySelectorWhatIsForgottenIsToldToBeSafe) {
  Observer observer({.filter = {.selectors = {7}}});
  Look({Sample(1)});
  EXPECT_THAT(Told(observer), IsEmpty());
  for (std::int64_t selector = 100; selector < 110; ++selector) {
    Look({Registered(1, {selector})});
  }
  Look({Sample(1)});
  EXPECT_LE(log_.Find(1)->unregistered.size(), ObservedState::kMostEnded);
  EXPECT_THAT(Told(observer), ElementsAre("left 1 ready 0"));
  Look({Sample(1, kIn)});
  EXPECT_THAT(Told(observer), IsEmpty());
}

TEST(ObserveRequestTest, EachFieldHasItsBounds) {
  const auto reason = [](const ObserveRequest& request) {
    return ReasonOf(CheckRequest(request).status());
  };
  for (const std::int64_t rate : {-1, 61, 1000}) {
    EXPECT_EQ(reason({.max_rate = rate}), "BAD_RATE") << rate;
  }
  EXPECT_EQ(reason({.selectors = std::vector<Reference>(17)}), "BAD_SELECTORS");
  EXPECT_EQ(reason({.kinds = {0}}), "BAD_KIND");
  EXPECT_EQ(reason({.kinds = {99}}), "BAD_KIND");
  EXPECT_EQ(reason({.kinds = std::vector<std::int64_t>(17, 1)}), "BAD_KIND");
  EXPECT_EQ(reason({.names = {""}}), "BAD_PATTERN");
  EXPECT_EQ(reason({.names = {std::string(65, 'a')}}), "BAD_PATTERN");
  EXPECT_EQ(reason({.names = std::vector<std::string>(17, "a")}),
            "BAD_PATTERN");
  EXPECT_EQ(reason({.ready_bits = 1 << 14}), "BAD_EVENTS");
  EXPECT_EQ(reason({.ready_bits = -1}), "BAD_EVENTS");
  EXPECT_EQ(reason({.bookmark_interval = absl::Milliseconds(99)}),
            "BAD_INTERVAL");
  EXPECT_EQ(reason({.bookmark_interval = absl::Hours(2)}), "BAD_INTERVAL");

  EXPECT_EQ(CheckRequest({})->period, absl::Milliseconds(100));
  EXPECT_EQ(CheckRequest({.max_rate = 1})->period, absl::Seconds(1));
  EXPECT_THAT(CheckRequest({.max_rate = 60}), IsOk());
}

TEST(ObserveRequestTest, TokensAreReadAsTheyAreWritten) {
  const ObservePlace place{.epoch = 91, .log = 2, .sequence = 1310};
  EXPECT_EQ(ToToken(place), "91-2-1310");
  EXPECT_THAT(ParseToken("91-2-1310"), IsOkAndHolds(place));
  for (const char* const bad :
       {"x", "-", "--", "1-2", "1-2-3-4", "1-2-x", "1-2-", " 1-2-3", "1-02-3",
        "1-2-99999999999999999999"}) {
    EXPECT_EQ(ReasonOf(ParseToken(bad).status()), "BAD_TOKEN") << bad;
  }
}

}  // namespace
}  // namespace farpoll::server
