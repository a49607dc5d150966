// tests/server/rpc/convert_test.cc: room: tests. Messages to values and back,
// as tables.
#include "server/rpc/convert.h"

#include <cerrno>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr auto kRowName = [](const auto& info) {
  return std::string(info.param.name);
};

// ---- Errors.

TEST(ToGrpcTest, SuccessHasNoDetail) {
  const grpc::Status status = ToGrpc(absl::OkStatus());

  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.error_details(), "");
}

TEST(ToGrpcTest, AnErrorCarriesItsDetail) {
  const grpc::Status status = ToGrpc(
      MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector 3", "another wait"));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "another wait");
  v1::StatusDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  EXPECT_EQ(detail.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(detail.message(), "another wait");
  ASSERT_EQ(detail.details_size(), 1);
  v1::ErrorInfo info;
  ASSERT_TRUE(detail.details(0).UnpackTo(&info));
  EXPECT_EQ(info.errno_name(), "EBUSY");
  EXPECT_EQ(info.errno_number(), EBUSY);
  EXPECT_EQ(info.reason(), "WAIT_IN_PROGRESS");
  EXPECT_EQ(info.subject(), "selector 3");
}

TEST(ToGrpcTest, AnErrorWithoutErrnoNamesNone) {
  const v1::ItemError error =
      ToItemError(absl::CancelledError("the client is gone"));

  EXPECT_EQ(error.code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(error.message(), "the client is gone");
  EXPECT_EQ(error.info().errno_name(), "");
  EXPECT_EQ(error.info().errno_number(), 0);
}

TEST(ToGrpcTest, AStoppingServerSaysWhenToTryAgain) {
  const grpc::Status status =
      ToGrpc(MakeError(absl::StatusCode::kUnavailable, 0, "SERVER_STOPPING",
                       "server", "the server is stopping"));

  v1::StatusDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  ASSERT_EQ(detail.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(detail.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
}

// ---- References.

TEST(ToReferenceTest, IsByIdOrByName) {
  v1::HandleRef ref;
  EXPECT_EQ(ToReference(ref).Text("handle"), "handle 0");
  ref.set_id(7);
  EXPECT_EQ(ToReference(ref).id, 7);
  ref.set_name("in");
  EXPECT_EQ(ToReference(ref).id, 0);
  EXPECT_EQ(ToReference(ref).Text("handle"), "in");
}

// ---- Durations.

struct DurationRow {
  const char* name;
  std::int64_t seconds;
  std::int32_t nanos;
  bool accepted;
  absl::Duration span;
};

class DurationTest : public testing::TestWithParam<DurationRow> {
 protected:
  google::protobuf::Duration Proto() const {
    google::protobuf::Duration proto;
    proto.set_seconds(GetParam().seconds);
    proto.set_nanos(GetParam().nanos);
    return proto;
  }
};

TEST_P(DurationTest, IsReadAndWritten) {
  const absl::StatusOr<absl::Duration> span = ToDuration(Proto(), "ttl");

  ASSERT_EQ(span.ok(), GetParam().accepted) << span.status();
  if (!GetParam().accepted) {
    EXPECT_THAT(span, HasErrno(EINVAL));
    EXPECT_EQ(DetailOf(span.status()).subject, "ttl");
    return;
  }
  EXPECT_EQ(*span, GetParam().span);
  EXPECT_EQ(ToProto(*span).seconds(), GetParam().seconds);
  EXPECT_EQ(ToProto(*span).nanos(), GetParam().nanos);
}

constexpr std::int64_t kLongest = 315'576'000'000;

INSTANTIATE_TEST_SUITE_P(
    Table, DurationTest,
    testing::Values(DurationRow{"Zero", 0, 0, true, absl::ZeroDuration()},
                    DurationRow{"Nanosecond", 0, 1, true, absl::Nanoseconds(1)},
                    DurationRow{"Mixed", 1, 5, true,
                                absl::Seconds(1) + absl::Nanoseconds(5)},
                    DurationRow{"Negative", -1, -5, true,
                                absl::Seconds(-1) - absl::Nanoseconds(5)},
                    DurationRow{"Longest", kLongest, 0, true,
                                absl::Seconds(kLongest)},
                    DurationRow{"TooLong", kLongest + 1, 0, false, {}},
                    DurationRow{"TooNegative", -kLongest - 1, 0, false, {}},
                    DurationRow{"NanosTooMany", 0, 1'000'000'000, false, {}},
                    DurationRow{"SignsDiffer", 1, -1, false, {}},
                    DurationRow{"SignsDifferToo", -1, 1, false, {}},
                    DurationRow{"Extreme", INT64_MIN, INT32_MIN, false, {}}),
    kRowName);

TEST(ToTimeoutTest, AbsentIsForEver) {
  v1::PollRequest request;
  EXPECT_TRUE(ToTimeout(request)->forever());

  request.mutable_timeout();
  EXPECT_EQ(ToTimeout(request)->span(), absl::ZeroDuration());
  EXPECT_FALSE(ToTimeout(request)->forever());

  request.mutable_timeout()->set_nanos(-1);
  EXPECT_EQ(ToTimeout(request)->kind(), Timeout::Kind::kNegative);
}

// ---- Pages.

struct PageRow {
  const char* name;
  std::int32_t size;
  std::string token;
  const char* reason;  // "": accepted
  std::size_t count;
  std::int64_t after;
};

class PageTest : public testing::TestWithParam<PageRow> {};

TEST_P(PageTest, IsRead) {
  const absl::StatusOr<Page> page = ToPage(GetParam().size, GetParam().token);

  EXPECT_EQ(DetailOf(page.status()).reason, GetParam().reason);
  EXPECT_EQ(page.value_or(Page()).count, GetParam().count);
  EXPECT_EQ(page.value_or(Page()).after, GetParam().after);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PageTest,
    testing::Values(PageRow{"Default", 0, "", "", 100, 0},
                    PageRow{"Small", 1, "", "", 1, 0},
                    PageRow{"Most", 1000, "", "", 1000, 0},
                    PageRow{"MoreThanMost", 5000, "", "", 1000, 0},
                    PageRow{"Next", 10, "after-42", "", 10, 42},
                    PageRow{"Negative", -1, "", "BAD_PAGE_SIZE", 0, 0},
                    PageRow{"NotOurs", 1, "42", "BAD_PAGE_TOKEN", 0, 0},
                    PageRow{"NoNumber", 1, "after-x", "BAD_PAGE_TOKEN", 0, 0},
                    PageRow{"WrittenOtherwise", 1, "after-07", "BAD_PAGE_TOKEN",
                            0, 0},
                    PageRow{"Before", 1, "after--1", "BAD_PAGE_TOKEN", 0, 0},
                    PageRow{"Beyond", 1, "after-99999999999999999999",
                            "BAD_PAGE_TOKEN", 0, 0}),
    kRowName);

TEST(CutToPageTest, TheTokenIsThatOfTheLastObjectKept) {
  std::vector<int> list = {40, 42, 44};

  const std::string token = CutToPage(
      Page{.after = 0, .count = 2}, [](int value) { return value; }, &list);

  EXPECT_THAT(list, testing::ElementsAre(40, 42));
  EXPECT_EQ(ToPage(2, token)->after, 42);
}

TEST(CutToPageTest, AFullLastPageHasNoToken) {
  std::vector<int> list = {40, 42};

  EXPECT_EQ(
      CutToPage(
          Page{.after = 0, .count = 2}, [](int value) { return value; }, &list),
      "");
  EXPECT_THAT(list, testing::ElementsAre(40, 42));
}

// ---- Kinds, triggers, changes.

TEST(KindTest, GoesThereAndBack) {
  for (const v1::SelectorKind kind :
       {v1::SELECTOR_KIND_POLL, v1::SELECTOR_KIND_SELECT,
        v1::SELECTOR_KIND_KQUEUE, v1::SELECTOR_KIND_DEFAULT}) {
    EXPECT_EQ(ToProto(*ToKind(kind)), kind);
  }
}

TEST(KindTest, OthersAreRefused) {
  EXPECT_EQ(DetailOf(ToKind(v1::SELECTOR_KIND_UNSPECIFIED).status()).reason,
            "BAD_KIND");
  EXPECT_EQ(DetailOf(ToKind(static_cast<v1::SelectorKind>(99)).status()).reason,
            "BAD_KIND");
}

TEST(ToChangeTest, AnInterestKeepsEveryField) {
  v1::Interest item;
  item.mutable_handle()->set_id(7);
  item.set_events(5);
  item.set_trigger(v1::TRIGGER_ONESHOT);
  item.set_cookie(std::numeric_limits<std::uint64_t>::max());

  const absl::StatusOr<Change> change = ToChange(Change::Kind::kModify, item);

  ASSERT_THAT(change, IsOk());
  EXPECT_EQ(change->kind, Change::Kind::kModify);
  EXPECT_EQ(change->handle.id, 7);
  EXPECT_EQ(change->interest.events, 5);
  EXPECT_EQ(change->interest.trigger, Trigger::kOneShot);
  EXPECT_EQ(change->interest.cookie, std::numeric_limits<std::uint64_t>::max());
}

TEST(ToChangeTest, AbsentEventsStayAbsent) {
  const absl::StatusOr<Change> change =
      ToChange(Change::Kind::kRegister, v1::Interest());

  EXPECT_EQ(change->interest.events, absl::nullopt);
  EXPECT_EQ(change->interest.trigger, Trigger::kLevel);
}

TEST(ToChangeTest, UnknownTriggersAreRefused) {
  v1::Interest item;
  item.set_trigger(static_cast<v1::Trigger>(9));

  EXPECT_EQ(DetailOf(ToChange(Change::Kind::kRegister, item).status()).reason,
            "BAD_TRIGGER");
}

TEST(ToChangeTest, AChangeSaysWhatToDo) {
  v1::Change change;
  EXPECT_EQ(DetailOf(ToChange(change).status()).reason, "BAD_CHANGE");

  change.mutable_add();
  EXPECT_EQ(ToChange(change)->kind, Change::Kind::kRegister);
  change.mutable_modify();
  EXPECT_EQ(ToChange(change)->kind, Change::Kind::kModify);
  change.mutable_remove()->set_name("in");
  EXPECT_EQ(ToChange(change)->kind, Change::Kind::kUnregister);
  EXPECT_EQ(ToChange(change)->handle.name, "in");
}

// ---- Answers.

TEST(FillTest, AFailedChangeCarriesItsError) {
  v1::ChangeResult result;
  Fill(ChangeOutcome{7, MakeError(ENOENT, "NOT_REGISTERED", "handle 7", "no")},
       &result);

  EXPECT_EQ(result.handle_id(), 7);
  EXPECT_EQ(result.generation(), 0);
  EXPECT_EQ(result.error().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(result.error().info().reason(), "NOT_REGISTERED");
}

TEST(FillTest, EventsCarryNamesOnlyWhenAskedFor) {
  NamedResult named;
  named.result.events = {
      {.handle_id = 7, .events = 1, .cookie = 2, .generation = 3, .order = 4}};
  named.result.sampled_at = MonotonicTime(std::chrono::nanoseconds(99));
  v1::PollResponse response;
  FillEvents(named, &response);
  EXPECT_EQ(response.ShortDebugString(),
            "events { handle_id: 7 events: 1 cookie: 2 generation: 3 } "
            "sampled_at_ns: 99");

  named.names = {"in"};
  v1::PollResponse with_names;
  FillEvents(named, &with_names);
  EXPECT_EQ(with_names.events(0).handle_name(), "in");
}

}  // namespace
}  // namespace farpoll::server
