#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/failure.h"
#include "client/cli/made_handles.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string duration;
  std::string at;
  bool every = false;
};

absl::StatusOr<v1::CreateTimerRequest> ToRequest(const Arguments& arguments) {
  v1::CreateTimerRequest request;
  request.set_name(arguments.name);
  if (!arguments.duration.empty()) {
    const absl::StatusOr<Timeout> span = ParseTimeout(arguments.duration);
    if (!span.ok()) {
      return span.status();
    }
    if (span->kind() != Timeout::Kind::kFinite) {
      return UsageError("DURATION must come to an end");
    }
    const google::protobuf::Duration duration = client::ToProto(span->span());
    if (arguments.every) {
      *request.mutable_every() = duration;
    }
    if (arguments.at.empty()) {
      *request.mutable_after() = duration;
    }
  }
  if (!arguments.at.empty()) {
    absl::Time at;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, arguments.at, &at, &error)) {
      return UsageError(absl::StrCat("--at: ", error));
    }
    const absl::Duration since = at - absl::UnixEpoch();
    request.mutable_at()->set_seconds(absl::ToUnixSeconds(at));
    request.mutable_at()->set_nanos(
        static_cast<std::int32_t>(absl::ToInt64Nanoseconds(
            since - absl::Floor(since, absl::Seconds(1)))));
  }
  return request;
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const bool timed = !arguments.duration.empty();
  if (!timed && (arguments.at.empty() || arguments.every)) {
    return UsageError(arguments.every ? "--every wants a DURATION"
                                      : "when? give DURATION or --at");
  }
  if (timed && !arguments.at.empty() && !arguments.every) {
    return UsageError("DURATION with --at wants --every");
  }
  absl::StatusOr<v1::CreateTimerRequest> request = ToRequest(arguments);
  if (!request.ok()) {
    return request.status();
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  return ShowMade(run.out(), (*session)->CreateTimer(*std::move(request)));
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "what to call it").Required();
  command.Add("DURATION", arguments->duration, "when: 250ms, 5s, 2m, 0");
  command.AddFlag("--every", arguments->every, "and again after each DURATION");
  command.Add("--at", arguments->at, "a time of the wall clock, RFC 3339")
      .Type("TIME");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb TimerVerb() {
  return {
      "timer",
      groups::kMake,
      "makes a timer",
      R"(  farpoll timer soon 250ms
  farpoll timer tick 1s --every      # and again each second
  farpoll timer noon --at 2030-01-01T12:00:00Z
  farpoll wait soon:r && farpoll read soon   # how often it has expired
)",
      "DURATION runs on the monotonic clock, --at on the server's wall clock. "
      "With --at, DURATION is the period of --every.",
      &Declare};
}

}  // namespace farpoll::cli
