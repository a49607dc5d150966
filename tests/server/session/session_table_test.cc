// tests/server/session/session_table_test.cc: room: tests. Who is there, under
// which name, and for how long.
#include "server/session/session_table.h"

#include <unistd.h>

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/session/session_fixture.h"
#include "tests/support/memory.h"

namespace farpoll::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using SessionTableTest = SessionTest;

constexpr absl::Duration kTtl = absl::Seconds(10);  // of Make()
constexpr absl::Duration kMoment = absl::Nanoseconds(1);

// A policy whose quotas are for everybody.
std::shared_ptr<const Policy> WithQuotas(std::int64_t sessions,
                                         std::int64_t handles) {
  const Grant all{.name = "all",
                  .to = {{.anyone = true}},
                  .quotas = {{&Limits::max_sessions, sessions},
                             {&Limits::max_handles, handles}}};
  return std::make_shared<const Policy>(
      PolicySpec{.own_uid = geteuid(), .grants = {all}});
}

// ---- Quotas.

TEST_F(SessionTableTest, QuotasAreEachOwners) {
  authority_.Replace(WithQuotas(1, 2));
  const Principal other = Principal::Local(geteuid() + 1, 1, 1);
  const auto mine = Make();
  const auto theirs = *table_->Create(other, "", kTtl);

  EXPECT_EQ(ReasonOf(Create("", kTtl)), "QUOTA_SESSIONS");
  EXPECT_THAT(mine->CreatePipe("", "", 0), IsOk());
  EXPECT_EQ(ReasonOf(mine->CreatePipe("", "", 0)), "QUOTA_HANDLES");
  EXPECT_THAT(theirs->CreatePipe("", "", 0), IsOk());

  EXPECT_THAT(table_->Delete(Me(), mine->id()), IsOk());
  EXPECT_THAT(Make()->CreatePipe("", "", 0), IsOk());
}

TEST_F(SessionTableTest, ANewPolicysQuotasHoldAtOnce) {
  authority_.Replace(WithQuotas(1, 2));
  const auto session = Make();
  EXPECT_THAT(session->CreatePipe("", "", 0), IsOk());

  authority_.Replace(WithQuotas(2, 4));
  accounts_->Refresh();

  EXPECT_THAT(session->CreatePipe("", "", 0), IsOk());
  EXPECT_THAT(Create("", kTtl), IsOk());
  EXPECT_EQ(ReasonOf(Create("", kTtl)), "QUOTA_SESSIONS");
}

// ---- Making and finding.

TEST_F(SessionTableTest, FindsByIdAndByName) {
  const auto session = Make("dev");

  EXPECT_THAT(table_->Find(Me(), session->id()), IsOkAndHolds(session));
  EXPECT_THAT(table_->Find(Me(), "dev"), IsOkAndHolds(session));
  EXPECT_THAT(session->id(), SizeIs(32));
}

TEST_F(SessionTableTest, UnknownSessionsAreNotFound) {
  for (const char* const reference : {"", "nobody", "0"}) {
    const auto found = table_->Find(Me(), reference);

    EXPECT_THAT(found, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(ReasonOf(found), "SESSION_UNKNOWN");
  }
}

TEST_F(SessionTableTest, ANameIsTakenUntilItsSessionEnds) {
  Make("dev");
  EXPECT_THAT(Create("dev", kTtl), StatusIs(absl::StatusCode::kAlreadyExists));

  ASSERT_THAT(table_->Delete(Me(), "dev"), IsOk());

  EXPECT_THAT(Create("dev", kTtl), IsOk());
}

TEST_F(SessionTableTest, BadNamesAreRefused) {
  EXPECT_EQ(ReasonOf(Create("-x", kTtl)), "BAD_NAME");
  EXPECT_EQ(table_->size(), 0u);
}

TEST_F(SessionTableTest, TheLeaseIsHeldToItsRange) {
  const Limits limits;

  EXPECT_EQ(ReasonOf(Create("", -kMoment)), "BAD_TTL");
  EXPECT_EQ(
      ReasonOf(Create("", absl::Milliseconds(limits.max_ttl_ms) + kMoment)),
      "BAD_TTL");
  EXPECT_EQ((*Create("", absl::nullopt))->ttl(), absl::Seconds(60));
  EXPECT_EQ((*Create("", absl::ZeroDuration()))->ttl(), absl::Seconds(60));
}

TEST_F(SessionTableTest, TooManySessionsAreRefused) {
  Limits limits;
  limits.max_sessions = 2;
  Limit(limits);
  Make("a");
  Make("b");

  const auto third = Create("c", kTtl);

  EXPECT_THAT(third, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ReasonOf(third), "LIMIT_SESSIONS");
  ASSERT_THAT(table_->Delete(Me(), "a"), IsOk());
  EXPECT_THAT(Create("c", kTtl), IsOk());
}

TEST_F(SessionTableTest, ListsInOrderOfCreation) {
  Make("c");
  Make("a");
  Make("b");

  const auto page = table_->List(Me(), 0, 2);

  ASSERT_THAT(page, SizeIs(2));
  EXPECT_EQ(page[0].second->name(), "c");
  EXPECT_EQ(page[1].second->name(), "a");
  const auto rest = table_->List(Me(), page[1].first, 2);
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].second->name(), "b");
}

// ---- Owners.

TEST_F(SessionTableTest, SessionsOfOthersDoNotExist) {
  const auto mine = Make("dev");
  const Principal other = Principal::Local(geteuid() + 1, 0, 0);

  for (const std::string& reference : {mine->id(), mine->name()}) {
    EXPECT_EQ(ReasonOf(table_->Find(other, reference)), "SESSION_UNKNOWN");
    EXPECT_EQ(ReasonOf(table_->Delete(other, reference)), "SESSION_UNKNOWN");
  }
  EXPECT_THAT(table_->List(other, 0, 10), IsEmpty());
  EXPECT_THAT(table_->Find(Me(), "dev"), IsOk());
}

TEST_F(SessionTableTest, NobodyLearnsThatAnothersSessionExpired) {
  const std::string id = Make("dev")->id();
  Advance(kTtl);

  EXPECT_EQ(ReasonOf(table_->Find(Principal::AnonymousTcp(), id)),
            "SESSION_UNKNOWN");
}

TEST_F(SessionTableTest, EachOwnerHasItsOwnNames) {
  const auto mine = Make("dev");
  const auto theirs =
      table_->Create(Principal::AnonymousTcp(), "dev", absl::nullopt);

  ASSERT_THAT(theirs, IsOk());
  EXPECT_THAT(table_->Find(Me(), "dev"), IsOkAndHolds(mine));
  EXPECT_THAT(table_->Find(Principal::AnonymousTcp(), "dev"),
              IsOkAndHolds(*theirs));
}

TEST_F(SessionTableTest, ADetachedSessionLivesLongerThanOthersMay) {
  const Limits limits;
  const absl::Duration longest = absl::Milliseconds(limits.max_detached_ttl_ms);
  const auto create = [this](absl::optional<absl::Duration> ttl) {
    return table_->Create(Me(), "", ttl, /*detached=*/true);
  };

  EXPECT_EQ((*create(absl::nullopt))->ttl(), longest);
  EXPECT_EQ((*create(kTtl))->ttl(), kTtl);
  EXPECT_EQ((*create(longest))->ttl(), longest);
  EXPECT_EQ(ReasonOf(create(longest + kMoment)), "BAD_TTL");
  EXPECT_GT(longest, absl::Milliseconds(limits.max_ttl_ms));
}

// ---- Leases.

TEST_F(SessionTableTest, ASilentSessionExpires) {
  const auto session = Make("dev");
  ASSERT_THAT(session->CreatePipe("", "", 0), IsOk());

  Advance(kTtl - kMoment);
  EXPECT_THAT(Observed(), ElementsAre("created dev"));
  Advance(kMoment);

  EXPECT_THAT(Observed(), ElementsAre("created dev", "expired dev"));
  EXPECT_EQ(table_->size(), 0u);
  EXPECT_EQ(table_->handles().used(), 0);
}

TEST_F(SessionTableTest, AnExpiredSessionIsRemembered) {
  const std::string id = Make("dev")->id();
  Advance(kTtl);
  Advance(absl::Seconds(5));

  for (const std::string& reference : {id, std::string("dev")}) {
    const auto found = table_->Find(Me(), reference);

    EXPECT_THAT(found, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(ReasonOf(found), "LEASE_EXPIRED");
    EXPECT_THAT(std::string(found.status().message()),
                HasSubstr("expired 5s ago"));
  }
}

TEST_F(SessionTableTest, CallsOnAnExpiredSessionSayWhy) {
  const auto session = Make();

  Advance(kTtl);

  EXPECT_EQ(ReasonOf(session->CreatePipe("", "", 0)), "LEASE_EXPIRED");
  EXPECT_EQ(ReasonOf(session->ListHandles(0, 1)), "LEASE_EXPIRED");
}

TEST_F(SessionTableTest, ANewSessionUnderAnExpiredNameIsFound) {
  Make("dev");
  Advance(kTtl);

  const auto again = Make("dev");

  EXPECT_THAT(table_->Find(Me(), "dev"), IsOkAndHolds(again));
}

TEST_F(SessionTableTest, FindingRenewsTheLease) {
  Make("dev");
  for (int i = 0; i < 5; ++i) {
    Advance(kTtl - kMoment);
    EXPECT_THAT(table_->Find(Me(), "dev"), IsOk());
  }
  Advance(kTtl);

  EXPECT_THAT(Observed(), Contains("expired dev"));
}

TEST_F(SessionTableTest, ListingDoesNotRenew) {
  Make("dev");
  Advance(kTtl - kMoment);

  EXPECT_EQ(table_->List(Me(), 0, 10)[0].second->Info().remaining, kMoment);
  Advance(kMoment);

  EXPECT_THAT(Observed(), Contains("expired dev"));
}

TEST_F(SessionTableTest, AStreamHoldsTheLease) {
  const auto session = Make("dev");
  const auto sink = std::make_shared<NotingSink>();
  const auto stream = session->AttachStream(sink);

  for (int i = 0; i < 10; ++i) {
    Advance(kTtl);
  }
  EXPECT_THAT(Observed(), Not(Contains("expired dev")));
  EXPECT_EQ(session->Info().remaining, kTtl);
  EXPECT_EQ(session->Info().streams, 1u);

  // From the end of the stream on, the whole lease runs; at a time when nobody
  // looks after leases anyway.
  Advance(kTtl / 2);
  session->DetachStream(*stream);
  EXPECT_EQ(session->Info().remaining, kTtl);
  Advance(kTtl - kMoment);
  EXPECT_THAT(Observed(), Not(Contains("expired dev")));
  Advance(kMoment);
  EXPECT_THAT(Observed(), Contains("expired dev"));
  EXPECT_THAT(sink->ended(), IsEmpty());
}

TEST_F(SessionTableTest, AWaitHoldsTheLease) {
  const auto session = Make("dev");
  const auto selector = session->CreateSelector(SelectorKind::kPoll, "");
  const auto sink = std::make_shared<NotingSink>();
  const auto wait =
      session->BeginWait({.selector = {.id = selector->id}}, sink);
  ASSERT_THAT(wait, IsOk());
  Advance(kTtl * 3);
  EXPECT_THAT(Observed(), Not(Contains("expired dev")));

  Advance(kTtl / 2);
  session->EndWait(*wait);
  Advance(kTtl - kMoment);
  EXPECT_THAT(Observed(), Not(Contains("expired dev")));
  Advance(kMoment);

  EXPECT_THAT(Observed(), Contains("expired dev"));
}

// ---- The end.

TEST_F(SessionTableTest, DeletingEndsWaitsAndClosesHandles) {
  const auto session = Make("dev");
  ASSERT_THAT(session->CreatePipe("", "", 0), IsOk());
  const auto selector = session->CreateSelector(SelectorKind::kPoll, "");
  const auto wait_sink = std::make_shared<NotingSink>();
  const auto sink = std::make_shared<NotingSink>();
  ASSERT_THAT(session->BeginWait({.selector = {.id = selector->id}}, wait_sink),
              IsOk());
  ASSERT_THAT(session->AttachStream(sink), IsOk());

  ASSERT_THAT(table_->Delete(Me(), "dev"), IsOk());

  for (const auto& each : {wait_sink, sink}) {
    ASSERT_THAT(each->ended(), SizeIs(1));
    EXPECT_THAT(each->ended()[0],
                StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(ReasonOf(each->ended()[0]), "SESSION_DELETED");
  }
  EXPECT_EQ(table_->handles().used(), 0);
  EXPECT_EQ(ReasonOf(table_->Delete(Me(), "dev")), "SESSION_UNKNOWN");
  EXPECT_THAT(Observed(), ElementsAre("created dev", "deleted dev"));
}

TEST_F(SessionTableTest, DeletedSessionsLeaveNothingBehind) {
  SessionTable table(Limits(), &clock_, reactor_.get(), &authority_,
                     accounts_.get(), &children_, &blocking_,
                     [](absl::string_view, const Session&) {});
  // The leases would run out much later.
  const auto create_and_delete = [&table](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const auto session = table.Create(Me(), "", absl::Hours(1));
      ASSERT_THAT(session, IsOk());
      ASSERT_THAT(table.Delete(Me(), (*session)->id()), IsOk());
    }
  };
  create_and_delete(1000);
  Fence(*reactor_);
  const std::int64_t before = AllocatedBytes();

  create_and_delete(200'000);
  Fence(*reactor_);

  EXPECT_LT(AllocatedBytes() - before, 64 << 10);
}

TEST_F(SessionTableTest, DrainingEndsStreamsAndRefusesCalls) {
  const auto session = Make("dev");
  const auto sink = std::make_shared<NotingSink>();
  ASSERT_THAT(session->AttachStream(sink), IsOk());

  table_->Drain();

  ASSERT_THAT(sink->ended(), SizeIs(1));
  EXPECT_THAT(sink->ended()[0], StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ReasonOf(table_->Find(Me(), "dev")), "SERVER_STOPPING");
  EXPECT_EQ(ReasonOf(Create("new", kTtl)), "SERVER_STOPPING");
  EXPECT_THAT(session->CreatePipe("", "", 0), IsOk());
}

TEST_F(SessionTableTest, EndAllEndsEverySession) {
  Make("a");
  Make("b");

  table_->EndAll();

  EXPECT_EQ(table_->size(), 0u);
  EXPECT_THAT(Observed(), Contains("stopped a"));
  EXPECT_THAT(Observed(), Contains("stopped b"));
}

}  // namespace
}  // namespace farpoll::server
