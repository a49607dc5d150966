#include "base/errno_status.h"

#include <cerrno>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

using testing::HasSubstr;

TEST(ErrnoStatusTest, KeepsTheNumberAndTheSubject) {
  const absl::Status status = ErrnoStatus(EBADF, "read", "handle 7");

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrnoOf(status), EBADF);
  EXPECT_EQ(DetailOf(status).subject, "handle 7");
  EXPECT_THAT(status.message(), HasSubstr("read handle 7"));
}

TEST(ErrnoStatusTest, DetailSurvivesAnyText) {
  const absl::Status status =
      MakeError(ENOENT, "NAME_UNKNOWN", "two\nlines", "no such name");

  EXPECT_EQ(DetailOf(status),
            (ErrorDetail{ENOENT, "NAME_UNKNOWN", "two\nlines"}));
}

TEST(ErrnoStatusTest, NothingAttachedIsEmpty) {
  EXPECT_EQ(DetailOf(absl::OkStatus()), ErrorDetail());
  EXPECT_EQ(ErrnoOf(absl::InternalError("no errno")), 0);
}

TEST(ErrnoStatusTest, ClosedErrorIsItsOwn) {
  const absl::Status status = ClosedError("poll object");

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DetailOf(status), (ErrorDetail{EBADF, "CLOSED", "poll object"}));
}

TEST(ErrnoNameTest, NamesAndNumbers) {
  EXPECT_EQ(ErrnoName(EBADF), "EBADF");
  EXPECT_EQ(ErrnoName(0), "");
  EXPECT_EQ(ErrnoName(1234), "E1234");
}

struct Row {
  int number;
  absl::StatusCode code;
};

class CodeForErrnoTest : public testing::TestWithParam<Row> {};

TEST_P(CodeForErrnoTest, AsDocumented) {
  EXPECT_EQ(CodeForErrno(GetParam().number), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(
    Table, CodeForErrnoTest,
    testing::Values(Row{EINVAL, absl::StatusCode::kInvalidArgument},
                    Row{EOVERFLOW, absl::StatusCode::kInvalidArgument},
                    Row{ENOENT, absl::StatusCode::kNotFound},
                    Row{EEXIST, absl::StatusCode::kAlreadyExists},
                    Row{EPERM, absl::StatusCode::kPermissionDenied},
                    Row{EBADF, absl::StatusCode::kFailedPrecondition},
                    Row{EBUSY, absl::StatusCode::kFailedPrecondition},
                    Row{ELOOP, absl::StatusCode::kFailedPrecondition},
                    Row{EPIPE, absl::StatusCode::kFailedPrecondition},
                    Row{ENOSPC, absl::StatusCode::kResourceExhausted},
                    Row{ENOMEM, absl::StatusCode::kResourceExhausted},
                    Row{EMFILE, absl::StatusCode::kResourceExhausted}),
    [](const testing::TestParamInfo<Row>& row) {
      return ErrnoName(row.param.number);
    });

}  // namespace
}  // namespace farpoll
