// tests/server/log/log_test.cc: room: tests. Lines of the log, for people and
// for machines.
#include "server/log/log.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::EndsWith;
using testing::IsEmpty;
using testing::MatchesRegex;

// What `log` puts on standard error for one event.
std::string Written(Log::Format format, Log::Level least, Log::Level level,
                    Log::Fields fields) {
  testing::internal::CaptureStderr();
  Log(format, least).Write(level, "session.created", fields);
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, TextIsOneLineForPeople) {
  EXPECT_THAT(
      Written(Log::Format::kText, Log::Level::kInfo, Log::Level::kInfo,
              {{"id", "ab12"}, {"ttl", "1m"}}),
      MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z info "
                   "session\\.created id=ab12 ttl=1m\n"));
}

TEST(LogTest, TextQuotesWhatWouldConfuse) {
  EXPECT_THAT(
      Written(Log::Format::kText, Log::Level::kInfo, Log::Level::kWarning,
              {{"empty", ""}, {"space", "a b"}, {"line", "a\nb"}}),
      EndsWith("warning session.created empty=\"\" space=\"a b\" "
               "line=\"a\\nb\"\n"));
}

// Values are what clients say, and logs are read on terminals.
TEST(LogTest, WhatCouldSpeakToATerminalIsEscaped) {
  for (const char* const value :
       {"\x1b[2J", "\x01", "\x7f", "\r", "\xc2\x9b", "\xe2\x80\xae", "\xff"}) {
    for (const Log::Format format : {Log::Format::kText, Log::Format::kJson}) {
      EXPECT_THAT(Written(format, Log::Level::kInfo, Log::Level::kInfo,
                          {{"path", value}}),
                  MatchesRegex("[ -~]*\\\\u[0-9a-f]{4}[ -~]*\n|"
                               "[ -~]*\\\\r[ -~]*\n"));
    }
  }
}

TEST(LogTest, JsonIsOneObjectALine) {
  const std::string line =
      Written(Log::Format::kJson, Log::Level::kInfo, Log::Level::kError,
              {{"id", "a\"b\\"}, {"bad", "\xff"}});

  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object.at("event"), "session.created");
  EXPECT_EQ(object.at("level"), "error");
  EXPECT_EQ(object.at("id"), "a\"b\\");
  EXPECT_EQ(object.at("bad"), "\xef\xbf\xbd");  // replaced, not thrown
  EXPECT_TRUE(object.contains("time"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(LogTest, LowerLevelsAreNotWritten) {
  EXPECT_THAT(
      Written(Log::Format::kText, Log::Level::kWarning, Log::Level::kInfo, {}),
      IsEmpty());
  EXPECT_THAT(
      Written(Log::Format::kText, Log::Level::kOff, Log::Level::kError, {}),
      IsEmpty());
}

TEST(LogTest, LevelsAndFormatsHaveNames) {
  EXPECT_THAT(ParseLogLevel("debug"), IsOkAndHolds(Log::Level::kDebug));
  EXPECT_THAT(ParseLogLevel("info"), IsOkAndHolds(Log::Level::kInfo));
  EXPECT_THAT(ParseLogLevel("warning"), IsOkAndHolds(Log::Level::kWarning));
  EXPECT_THAT(ParseLogLevel("error"), IsOkAndHolds(Log::Level::kError));
  EXPECT_THAT(ParseLogLevel("off"), IsOkAndHolds(Log::Level::kOff));
  EXPECT_THAT(ParseLogFormat("text"), IsOkAndHolds(Log::Format::kText));
  EXPECT_THAT(ParseLogFormat("json"), IsOkAndHolds(Log::Format::kJson));
}

TEST(LogTest, OtherNamesAreRefused) {
  EXPECT_THAT(ParseLogLevel("INFO"), HasErrno(EINVAL));
  EXPECT_THAT(ParseLogLevel(""), HasErrno(EINVAL));
  EXPECT_THAT(ParseLogFormat("xml"), HasErrno(EINVAL));
}

}  // namespace
}  // namespace farpoll::server
