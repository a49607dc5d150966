// server/observe/request.h: room: server/observe. What an observer may ask for,
// and the token that it resumes by.
// Threads: pure.
#ifndef FARPOLL_SERVER_OBSERVE_REQUEST_H_
#define FARPOLL_SERVER_OBSERVE_REQUEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/observe/observer.h"
#include "server/session/reference.h"

namespace farpoll::server {

// As it came; see farpoll.v1.ObserveRequest.
struct ObserveRequest {
  std::vector<std::int64_t> kinds;
  std::vector<std::string> names;
  std::vector<Reference> selectors;
  std::int64_t ready_bits = 0;
  std::int64_t max_rate = 0;
  std::string resume_token;
  absl::optional<absl::Duration> bookmark_interval;
};

// All but the token and which selectors are meant.
//   Errors: INVALID_ARGUMENT (EINVAL: BAD_RATE, BAD_KIND, BAD_PATTERN,
//     BAD_SELECTORS, BAD_EVENTS, BAD_INTERVAL), with the field as subject.
absl::StatusOr<ObserveOptions> CheckRequest(const ObserveRequest& request);

// A place in a log. Logs of a server have numbers, servers have epochs.
struct ObservePlace {
  std::int64_t epoch = 0;
  std::int64_t log = 0;
  std::int64_t sequence = 0;

  friend bool operator==(const ObservePlace&, const ObservePlace&) = default;
};

// "EPOCH-LOG-SEQUENCE".
std::string ToToken(const ObservePlace& place);
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_TOKEN): no token of anybody's.
absl::StatusOr<ObservePlace> ParseToken(absl::string_view token);
absl::Status BadToken(absl::string_view message);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_OBSERVE_REQUEST_H_
