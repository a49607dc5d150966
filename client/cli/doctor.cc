#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/version.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

struct Finding {
  std::string verdict;  // ok, warn, fail
  std::string check;
  std::string text;
};

std::int64_t LimitNamed(const v1::GetServerResponse& server,
                        absl::string_view name) {
  for (const v1::Limit& limit : server.limits()) {
    if (limit.name() == name) {
      return limit.value();
    }
  }
  return 0;
}

Finding CheckApiLevel(const v1::GetServerResponse& server) {
  const bool same = server.api() == kApiLevel;
  return {same ? "ok" : "fail", "api",
          same ? absl::StrCat("server ", server.version(), ", client ",
                              kVersion, ", both api ", kApiLevel)
               : absl::StrCat("server speaks ", server.api(), ", client ",
                              kApiLevel)};
}

Finding CheckClock(const v1::GetServerResponse& server) {
  const absl::Duration skew = absl::AbsDuration(
      absl::Now() - EventClock(server).At(server.monotonic_now_ns()));
  const bool near = skew < absl::Seconds(2);
  return {near ? "ok" : "warn", "clock",
          near ? "the server's clock is this machine's, to two seconds"
               : absl::StrCat("the server's clock is ", FormatSpan(skew),
                              " off: times of events will look odd")};
}

Finding CheckRoom(const v1::GetServerResponse& server) {
  const std::int64_t most = LimitNamed(server, "max_handles");
  const std::int64_t left = most - server.handles();
  const bool enough = left * 10 >= most;
  return {enough ? "ok" : "warn", "handles",
          absl::StrCat(server.handles(), " of ", most, " in ",
                       server.sessions(), " sessions",
                       enough ? "" : "; farpolld --max-handles gives more")};
}

Finding CheckSession(Runtime& run) {
  if (run.settings().local || !run.has_session()) {
    return {"ok", "session", "none in use; the first pipe makes one"};
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return {"fail", "session", std::string(session.status().message())};
  }
  const absl::StatusOr<v1::Session> is = (*session)->Describe();
  if (!is.ok()) {
    return {"warn", "session", std::string(is.status().message())};
  }
  return {"ok", "session",
          absl::StrCat((*session)->id(), ", lease of ",
                       FormatSpan(client::FromProto(is->ttl())),
                       ", renewed by this call")};
}

absl::Status Run(Runtime& run) {
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  const MonotonicTime start = RealClock().Now();
  const absl::StatusOr<v1::GetServerResponse> server = (*client)->GetServer();
  if (!server.ok()) {
    return server.status();
  }
  std::vector<Finding> findings;
  findings.push_back(
      {"ok", "server",
       absl::StrCat(run.settings().address.value, ", up ",
                    FormatSpan(client::FromProto(server->uptime())),
                    ", answered in ",
                    FormatSpan(absl::FromChrono(RealClock().Now() - start)))});
  findings.push_back(CheckApiLevel(*server));
  findings.push_back(CheckClock(*server));
  findings.push_back(CheckRoom(*server));
  findings.push_back(CheckSession(run));

  Table table;
  std::vector<Json> items;
  bool failed = false;
  for (const Finding& finding : findings) {
    table.rows.push_back({finding.verdict, finding.check, finding.text});
    Json item;
    item["verdict"] = finding.verdict;
    item["check"] = finding.check;
    item["text"] = finding.text;
    items.push_back(item);
    failed = failed || finding.verdict == "fail";
  }
  const absl::Status shown = run.out().List("checks", items, table);
  return shown.ok() && failed ? Quietly(kExitLocal) : shown;
}

Action Declare(Command) { return &Run; }

}  // namespace

Verb DoctorVerb() {
  return {"doctor",
          groups::kTool,
          "checks that the server can be reached and has room",
          R"(  farpoll doctor
  farpoll doctor --addr lab7:7433
)",
          "Exits 0 when nothing failed; a server that is away exits 78.",
          &Declare};
}

}  // namespace farpoll::cli
