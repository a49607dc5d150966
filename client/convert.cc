#include "client/convert.h"

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "base/errno_status.h"

namespace farpoll::client {
namespace {

// The longest google.protobuf.Duration: about 10,000 years.
constexpr std::int64_t kLongestSeconds = 315'576'000'000;

// The id in `text`; nothing when it is a name. Names are never all digits.
absl::optional<std::int64_t> IdOf(absl::string_view text) {
  std::int64_t id = 0;
  const bool digits =
      !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (digits && absl::SimpleAtoi(text, &id)) {
    return id;
  }
  return absl::nullopt;
}

template <typename Ref>
Ref RefOf(absl::string_view name_or_id) {
  Ref ref;
  if (const absl::optional<std::int64_t> id = IdOf(name_or_id)) {
    ref.set_id(*id);
  } else {
    ref.set_name(std::string(name_or_id));
  }
  return ref;
}

}  // namespace

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  if (duration >= absl::Seconds(kLongestSeconds)) {
    proto.set_seconds(kLongestSeconds);
    return proto;
  }
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

absl::StatusOr<absl::optional<google::protobuf::Duration>> ToProto(
    Timeout timeout) {
  absl::optional<google::protobuf::Duration> proto;
  switch (timeout.kind()) {
    case Timeout::Kind::kForever:
      break;
    case Timeout::Kind::kFinite:
      proto = ToProto(timeout.span());
      break;
    case Timeout::Kind::kNegative:
      proto = ToProto(absl::Seconds(-1));
      break;
    case Timeout::Kind::kInfinite:
      proto = ToProto(absl::InfiniteDuration());
      break;
    case Timeout::Kind::kNotANumber:
      return MakeError(EINVAL, "", "timeout", "the timeout is not a number");
  }
  return proto;
}

absl::Duration CallLimit(Timeout timeout, absl::Duration slack) {
  switch (timeout.kind()) {
    case Timeout::Kind::kFinite:
      return timeout.span() + slack;
    case Timeout::Kind::kForever:
    case Timeout::Kind::kNegative:  // a POLL selector waits for ever
    case Timeout::Kind::kInfinite:
    case Timeout::Kind::kNotANumber:
      break;
  }
  return absl::InfiniteDuration();
}

v1::Trigger ToProto(Trigger trigger) {
  switch (trigger) {
    case Trigger::kLevel:
      return v1::TRIGGER_LEVEL;
    case Trigger::kEdge:
      return v1::TRIGGER_EDGE;
    case Trigger::kOneShot:
      return v1::TRIGGER_ONESHOT;
  }
  return v1::TRIGGER_UNSPECIFIED;
}

v1::HandleRef HandleRefOf(absl::string_view name_or_id) {
  return RefOf<v1::HandleRef>(name_or_id);
}

v1::SelectorRef SelectorRefOf(absl::string_view name_or_id) {
  return RefOf<v1::SelectorRef>(name_or_id);
}

}  // namespace farpoll::client
