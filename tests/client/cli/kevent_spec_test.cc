// tests/client/cli/kevent_spec_test.cc: room: tests. kevents as people type and
// read them.
#include "client/cli/kevent_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NamedKevent Parsed(const char* text) {
  IdentNames names;
  const absl::StatusOr<NamedKevent> change = ParseKevent(text, &names);
  EXPECT_TRUE(change.ok()) << change.status();
  return change.value_or(NamedKevent());
}

std::string Complaint(const char* text) {
  IdentNames names;
  const absl::Status status = ParseKevent(text, &names).status();
  EXPECT_TRUE(IsUsage(status)) << text;
  return std::string(status.message());
}

TEST(KeventSpec, FlagsAreAddWhenLeftOut) {
  const NamedKevent change = Parsed("in,READ");
  EXPECT_EQ(change.handle_name, "in");
  EXPECT_EQ(change.kevent, (Kevent{0, evfilt::kRead, ev::kAdd, 0, 0, 0}));
  EXPECT_EQ(Parsed("in,READ,-").kevent.flags, 0);
}

TEST(KeventSpec, EveryPart) {
  EXPECT_EQ(Parsed("7,evfilt_read,add|clear,note_lowat,-4096,99").kevent,
            (Kevent{7, evfilt::kRead, ev::kAdd | ev::kClear, note::kLowWater,
                    -4096, 99}));
}

TEST(KeventSpec, AWordStandsForTheSameNumberEverywhere) {
  IdentNames names;
  const absl::StatusOr<NamedKevent> timer =
      ParseKevent("t,TIMER,ADD,,500", &names);
  ASSERT_TRUE(timer.ok());
  EXPECT_EQ(timer->handle_name, "");
  EXPECT_NE(timer->kevent.ident, 0u);
  EXPECT_EQ(timer->kevent.ident, Parsed("t,USER").kevent.ident);
  EXPECT_EQ(KeventCells(*timer, names)[0], "t");
  EXPECT_EQ(Parsed("12,TIMER").kevent.ident, 12u);
}

TEST(KeventSpec, NamesTheBadPart) {
  EXPECT_THAT(Complaint("in"), HasSubstr("a kevent is"));
  EXPECT_THAT(Complaint("a,READ,,,,,7"), HasSubstr("a kevent is"));
  EXPECT_THAT(Complaint("in,REED"), HasSubstr("REED"));
  EXPECT_THAT(Complaint("in,READ,ADDD"), HasSubstr("ADDD"));
  EXPECT_THAT(Complaint("in,READ,,NOTE_EXITT"), HasSubstr("NOTE_EXITT"));
  EXPECT_THAT(Complaint("in,READ,,,many"), HasSubstr("many"));
  EXPECT_THAT(Complaint("in,READ,,,,-1"), HasSubstr("UDATA"));
  EXPECT_THAT(Complaint(",READ"), HasSubstr("IDENT"));
}

TEST(KeventSpec, EventsShowNames) {
  NamedKevent event;
  event.kevent = {7, evfilt::kRead, ev::kClear | ev::kEof, 0, 4096, 0};
  event.handle_name = "in";
  EXPECT_THAT(KeventCells(event, {}),
              ElementsAre("in", "READ", "CLEAR|EOF", "-", "4096", "-"));
  event.kevent.flags = ev::kError;
  event.kevent.data = ENOENT;
  EXPECT_THAT(KeventCells(event, {}),
              ElementsAre("in", "READ", "ERROR", "-", "ENOENT", "-"));
  EXPECT_EQ(KeventJson(event, {})["error"], "ENOENT");
}

}  // namespace
}  // namespace farpoll::cli
