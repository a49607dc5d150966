#include "server/observe/request.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "server/handle/kinds.h"

namespace farpoll::server {
namespace {

constexpr std::int64_t kUsualRate = 10;
constexpr std::int64_t kMostRate = 60;
constexpr std::size_t kMostKinds = 16;
constexpr std::size_t kMostPatterns = 16;
constexpr std::size_t kMostSelectors = 16;
constexpr std::size_t kLongestPattern = 64;  // that of a name
constexpr std::int64_t kEveryBit = 0x3fff;
constexpr absl::Duration kLeastInterval = absl::Milliseconds(100);
constexpr absl::Duration kMostInterval = absl::Hours(1);

absl::Status Bad(absl::string_view reason, absl::string_view field,
                 absl::string_view message) {
  return MakeError(EINVAL, reason, field, message);
}

absl::Status CheckKinds(const std::vector<std::int64_t>& kinds) {
  if (kinds.size() > kMostKinds) {
    return Bad("BAD_KIND", "kinds",
               absl::StrCat("more than ", kMostKinds, " kinds"));
  }
  for (const std::int64_t kind : kinds) {
    const bool known =
        std::any_of(std::begin(kHandleKinds), std::end(kHandleKinds),
                    [kind](const KindInfo& info) {
                      return static_cast<std::int64_t>(info.kind) == kind;
                    });
    if (!known) {
      return Bad("BAD_KIND", "kinds",
                 absl::StrCat(kind, " is no kind of handle"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPatterns(const std::vector<std::string>& names) {
  if (names.size() > kMostPatterns) {
    return Bad("BAD_PATTERN", "names",
               absl::StrCat("more than ", kMostPatterns, " patterns"));
  }
  for (const std::string& pattern : names) {
    if (pattern.empty() || pattern.size() > kLongestPattern) {
      return Bad("BAD_PATTERN", "names",
                 absl::StrCat("a pattern has from 1 to ", kLongestPattern,
                              " characters"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ObserveOptions> CheckRequest(const ObserveRequest& request) {
  absl::Status good = CheckKinds(request.kinds);
  good.Update(CheckPatterns(request.names));
  if (!good.ok()) {
    return good;
  }
  if (request.selectors.size() > kMostSelectors) {
    return Bad("BAD_SELECTORS", "selectors",
               absl::StrCat("more than ", kMostSelectors, " selectors"));
  }
  if (request.max_rate < 0 || request.max_rate > kMostRate) {
    return Bad("BAD_RATE", "max_rate",
               absl::StrCat("max_rate is ", request.max_rate,
                            "; it must be from 1 to ", kMostRate, ", or 0 for ",
                            kUsualRate));
  }
  if ((request.ready_bits & ~kEveryBit) != 0) {
    return Bad("BAD_EVENTS", "ready_bits",
               absl::StrCat("ready_bits is ", request.ready_bits,
                            ", which has bits that poll(2) does not"));
  }
  const absl::optional<absl::Duration>& interval = request.bookmark_interval;
  if (interval.has_value() &&
      (*interval < kLeastInterval || *interval > kMostInterval)) {
    return Bad(
        "BAD_INTERVAL", "bookmark_interval",
        absl::StrCat("bookmark_interval is ", absl::FormatDuration(*interval),
                     "; it must be from 100ms to 1h"));
  }
  ObserveOptions options{.bookmark_interval = interval};
  for (const std::int64_t kind : request.kinds) {
    options.filter.kinds.push_back(static_cast<HandleKind>(kind));
  }
  options.filter.names = request.names;
  options.filter.bits = static_cast<Events>(request.ready_bits);
  options.period = absl::Seconds(1) /
                   (request.max_rate == 0 ? kUsualRate : request.max_rate);
  return options;
}

std::string ToToken(const ObservePlace& place) {
  return absl::StrCat(place.epoch, "-", place.log, "-", place.sequence);
}

absl::StatusOr<ObservePlace> ParseToken(absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '-');
  ObservePlace place;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &place.epoch) ||
      !absl::SimpleAtoi(parts[1], &place.log) ||
      !absl::SimpleAtoi(parts[2], &place.sequence) || ToToken(place) != token) {
    return BadToken("this is no token of an Observe");
  }
  return place;
}

absl::Status BadToken(absl::string_view message) {
  return Bad("BAD_TOKEN", "resume_token", message);
}

}  // namespace farpoll::server
