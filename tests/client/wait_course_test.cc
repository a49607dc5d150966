// What the calls of a wait open with, one after another.
#include "client/wait_course.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/support/fake_clock.h"

namespace farpoll::client {
namespace {

const absl::Status kCut = absl::UnavailableError("Socket closed");

v1::WaitOpen TakingOver() {
  v1::WaitOpen open;
  open.set_take_over(true);
  return open;
}

// Two clients that both came back would else take the selector from each other
// for ever.
TEST(WaitCourseTest, AWaitThatWasOnTakesNobodysPlaceAgain) {
  const FakeClock clock;
  WaitCourse course(TakingOver(), RetryOptions());
  EXPECT_TRUE(course.Begin().take_over());
  EXPECT_TRUE(course.NoteOn(clock.Now()));

  ASSERT_TRUE(course.NextAfter(kCut, clock.Now()).has_value());

  EXPECT_FALSE(course.Begin().take_over());
}

TEST(WaitCourseTest, AWaitThatNeverWasOnStillTakesItsPlace) {
  const FakeClock clock;
  WaitCourse course(TakingOver(), RetryOptions());
  course.Begin();
  EXPECT_FALSE(course.NoteOn(kNever));

  ASSERT_TRUE(course.NextAfter(kCut, clock.Now()).has_value());

  EXPECT_TRUE(course.Begin().take_over());
}

TEST(WaitCourseTest, TheNextCallGoesOnAfterWhatWasDealtWith) {
  const FakeClock clock;
  WaitCourse course({}, RetryOptions());
  EXPECT_FALSE(course.Begin().has_resume_after());
  course.NoteOn(clock.Now());
  course.NoteResult();
  course.GoOnAfter({7, 3});

  ASSERT_TRUE(course.NextAfter(kCut, clock.Now()).has_value());

  EXPECT_EQ(course.Begin().resume_after().sequence(), 3);
  course.NoteResult();
  EXPECT_EQ(course.reconnects(), 1);
}

}  // namespace
}  // namespace farpoll::client
