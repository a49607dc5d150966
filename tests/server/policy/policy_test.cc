// tests/server/policy/policy_test.cc: room: tests. Limits, names and quotas.
#include <cerrno>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/limits.h"
#include "server/policy/names.h"
#include "server/policy/quota.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

// ---- Limits.

class LimitFieldTest : public testing::TestWithParam<LimitField> {
 protected:
  // The defaults, but for the field under test; no other rule is in the way.
  Limits With(std::int64_t value) const {
    Limits limits;
    limits.default_ttl_ms = 1;
    limits.default_grace_ms = 0;
    limits.*GetParam().value = value;
    if (GetParam().value == &Limits::default_ttl_ms) {
      limits.max_ttl_ms = std::max(limits.max_ttl_ms, value);
    }
    if (GetParam().value == &Limits::default_grace_ms) {
      limits.max_grace_ms = std::max(limits.max_grace_ms, value);
    }
    return limits;
  }
};

TEST_P(LimitFieldTest, IsHeldToItsRange) {
  const LimitField& field = GetParam();

  EXPECT_THAT(CheckLimits(With(field.least)), IsOk());
  EXPECT_THAT(CheckLimits(With(field.least - 1)), HasErrno(EINVAL));
  EXPECT_THAT(CheckLimits(With(field.most + 1)), HasErrno(EINVAL));
  EXPECT_EQ(DetailOf(CheckLimits(With(field.least - 1))).subject, field.name);
}

TEST_P(LimitFieldTest, IsDescribed) {
  EXPECT_FALSE(GetParam().description.empty());
}

INSTANTIATE_TEST_SUITE_P(All, LimitFieldTest,
                         testing::ValuesIn(LimitFields().begin(),
                                           LimitFields().end()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST(LimitsTest, DefaultsAreInRange) {
  EXPECT_THAT(CheckLimits(Limits()), IsOk());
}

TEST(LimitsTest, EveryFieldIsListedOnce) {
  std::set<std::string> names;
  for (const LimitField& field : LimitFields()) {
    names.insert(std::string(field.name));
  }

  EXPECT_EQ(names.size(), LimitFields().size());
  EXPECT_EQ(LimitFields().size() * sizeof(std::int64_t), sizeof(Limits));
}

TEST(LimitsTest, TheDefaultLeaseMayNotBeOverTheLongest) {
  Limits limits;
  limits.default_ttl_ms = 2000;
  limits.max_ttl_ms = 1000;

  EXPECT_EQ(DetailOf(CheckLimits(limits)).subject, "default_ttl_ms");
}

TEST(LimitsTest, ABreachNamesTheLimit) {
  const absl::Status status = LimitReached("max_session_handles", 4, "abc");

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(DetailOf(status).reason, "LIMIT_SESSION_HANDLES");
  EXPECT_EQ(DetailOf(status).subject, "abc");
  EXPECT_EQ(status.message(), "limit reached: max_session_handles is 4");
}

TEST(LimitsTest, ABreachHasTheErrnoThatAProgramExpects) {
  struct Row {
    const char* limit;
    int number;
  };
  for (const Row& row :
       {Row{"max_handles", EMFILE}, Row{"max_session_handles", EMFILE},
        Row{"max_weak_handles", EMFILE}, Row{"max_session_selectors", EMFILE},
        Row{"max_child_sockets", EMFILE},
        Row{"max_selector_registrations", ENOSPC}, Row{"max_processes", EAGAIN},
        Row{"max_session_streams", EAGAIN}, Row{"max_file_calls", EAGAIN}}) {
    EXPECT_THAT(LimitReached(row.limit, 1, ""), HasErrno(row.number))
        << row.limit;
    EXPECT_THAT(QuotaReached(row.limit, 1, ""), HasErrno(row.number))
        << row.limit;
    EXPECT_THAT(LimitReached(row.limit, 1, ""),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
}

// ---- Names.

struct NameRow {
  const char* row;
  std::string name;
  bool accepted;
};

class NameTest : public testing::TestWithParam<NameRow> {};

TEST_P(NameTest, IsJudged) {
  const absl::Status status = CheckName(GetParam().name, "reader_name");

  EXPECT_EQ(status.ok(), GetParam().accepted) << status;
  EXPECT_EQ(DetailOf(status).reason, GetParam().accepted ? "" : "BAD_NAME");
  EXPECT_EQ(DetailOf(status).subject, GetParam().accepted ? "" : "reader_name");
}

INSTANTIATE_TEST_SUITE_P(
    Table, NameTest,
    testing::Values(
        NameRow{"None", "", true}, NameRow{"Word", "in", true},
        NameRow{"EveryLetter", "aZ0._-", true},
        NameRow{"StartsWithDigit", "2nd", true},
        NameRow{"StartsWithUnderscore", "_x", true},
        NameRow{"Longest", std::string(64, 'a'), true},
        NameRow{"TooLong", std::string(65, 'a'), false},
        NameRow{"ReadsAsId", "42", false}, NameRow{"ReadsAsFlag", "-x", false},
        NameRow{"Hidden", ".x", false}, NameRow{"Space", "a b", false},
        NameRow{"Slash", "a/b", false}, NameRow{"Newline", "a\n", false},
        NameRow{"Null", std::string("a\0b", 3), false},
        NameRow{"NotAscii", "\xc3\xa4", false}),
    [](const auto& info) { return std::string(info.param.row); });

// ---- Quotas.

TEST(QuotaTest, TakesAllOrNothing) {
  Quota quota(5);

  EXPECT_TRUE(quota.TryTake(3));
  EXPECT_FALSE(quota.TryTake(3));
  EXPECT_EQ(quota.used(), 3);
  EXPECT_TRUE(quota.TryTake(2));
  quota.Return(5);
  EXPECT_EQ(quota.used(), 0);
}

TEST(QuotaTest, IsNeverExceededByManyThreads) {
  Quota quota(10);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&quota] {
      for (int round = 0; round < 10'000; ++round) {
        if (quota.TryTake(3)) {
          EXPECT_LE(quota.used(), 10);
          quota.Return(3);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(quota.used(), 0);
}

TEST(QuotaTest, ANarrowOneTakesOfTheWiderOne) {
  Quota all(5);
  Quota alice(4, "uid:1", &all);
  Quota bob(4, "uid:2", &all);

  EXPECT_THAT(alice.TryTake(3, "max_handles"), IsOk());
  const absl::Status full = bob.TryTake(3, "max_handles");
  const absl::Status quota = alice.TryTake(2, "max_handles");

  EXPECT_EQ(DetailOf(full).reason, "LIMIT_HANDLES");
  EXPECT_EQ(DetailOf(full).subject, "server");
  EXPECT_EQ(DetailOf(quota).reason, "QUOTA_HANDLES");
  EXPECT_EQ(DetailOf(quota).subject, "uid:1");
  EXPECT_EQ(quota.message(), "quota reached: max_handles of uid:1 is 4");
  EXPECT_EQ(bob.used(), 0);
  EXPECT_EQ(all.used(), 3);
  alice.Return(3);
  EXPECT_EQ(all.used(), 0);
}

TEST(QuotaTest, ALoweredOneTakesNothingBack) {
  Quota quota(5, "uid:1");
  EXPECT_TRUE(quota.TryTake(4));

  quota.SetLimit(2);

  EXPECT_EQ(quota.used(), 4);
  EXPECT_FALSE(quota.TryTake(1));
  quota.Return(3);
  EXPECT_TRUE(quota.TryTake(1));
}

}  // namespace
}  // namespace farpoll::server
