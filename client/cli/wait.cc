#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/follow.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::vector<std::string> what;
  std::string select;
  std::string resume;
  std::string exit_on;
  std::int64_t count = 0;
  std::int64_t least = 0;
  bool all = false;
  bool follow = false;
};

absl::Status ShowEvents(Runtime& run,
                        const std::vector<client::Event>& events) {
  Table table = {{"HANDLE", "READY"}, {}};
  std::vector<Json> items;
  for (const client::Event& event : events) {
    items.push_back(EventJson(event));
    table.rows.push_back(
        {NameOrId(event.handle_name, event.handle_id), ReadyLetters(event)});
  }
  return run.out().List("events", items, table);
}

// select(2): the sets as they came back.
absl::Status RunSelect(Runtime& run, Session& session,
                       const std::string& text) {
  const absl::StatusOr<SelectSpec> sets = ParseSelectSpec(text);
  if (!sets.ok()) {
    return sets.status();
  }
  const absl::StatusOr<SelectPositions> ready =
      session.Select(sets->read, sets->write, sets->except,
                     run.timeout_or(Timeout::Forever()));
  if (!ready.ok()) {
    return ready.status();
  }
  Table table = {{"SET", "HANDLE", "READY"}, {}};
  std::vector<Json> items;
  const auto add = [&](const char* set, const char* letter,
                       const std::vector<std::string>& asked,
                       const std::vector<int>& positions) {
    for (const int position : positions) {
      table.rows.push_back({set, asked[position], letter});
      Json item;
      item["set"] = set;
      item["handle"] = asked[position];
      items.push_back(item);
    }
  };
  add("r", "R", sets->read, ready->read);
  add("w", "W", sets->write, ready->write);
  add("x", "P", sets->except, ready->except);
  if (items.empty()) {
    return Quietly(kExitTimeout);
  }
  return run.out().List("ready", items, table);
}

// What is left of a wait that began at `start`.
Timeout Left(Timeout whole, MonotonicTime start) {
  return whole.forever()
             ? whole
             : Timeout(std::max(
                   absl::ZeroDuration(),
                   whole.span() - absl::FromChrono(RealClock().Now() - start)));
}

// Waits until `least` handles were seen ready, each at least once.
absl::Status WaitFor(Runtime& run, Session& session,
                     const std::vector<Spec>& specs, std::size_t least) {
  absl::StatusOr<Selector> selector =
      session.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  for (const Spec& spec : specs) {
    const absl::Status registered =
        selector
            ->Register(session.AttachHandle(spec.handle), spec.events,
                       spec.trigger.value_or(Trigger::kLevel))
            .status();
    if (!registered.ok()) {
      return registered;
    }
  }
  const Timeout whole = run.timeout_or(Timeout::Forever());
  const MonotonicTime start = RealClock().Now();
  std::vector<client::Event> seen;
  while (seen.size() < least) {
    const auto events = selector->Poll(Left(whole, start));
    if (!events.ok()) {
      return events.status();
    }
    if (events->empty()) {
      break;
    }
    for (const client::Event& event : *events) {
      seen.push_back(event);
      if (seen.size() < least) {
        // It has had its turn; a one-shot registration is gone by itself.
        (void)selector->Unregister(
            session.AttachHandle(absl::StrCat(event.handle_id)));
      }
    }
  }
  const absl::Status shown =
      seen.empty() ? absl::OkStatus() : ShowEvents(run, seen);
  return shown.ok() && seen.size() < least ? Quietly(kExitTimeout) : shown;
}

absl::Status WaitOnce(Runtime& run, Selector selector) {
  const auto events = selector.Poll(run.timeout_or(Timeout::Forever()));
  if (!events.ok()) {
    return events.status();
  }
  return events->empty() ? Quietly(kExitTimeout) : ShowEvents(run, *events);
}

// Specs have a colon; one word without is a selector.
bool NamesSelector(const Arguments& arguments) {
  return arguments.what.size() == 1 &&
         !absl::StrContains(arguments.what[0], ':');
}

absl::Status CheckUsage(Runtime& run, const Arguments& arguments) {
  if (arguments.what.empty() == arguments.select.empty()) {
    return UsageError("give HANDLE:BITS..., a selector, or --select");
  }
  if (arguments.follow && !arguments.select.empty()) {
    return UsageError("--follow does not go with --select");
  }
  if (arguments.follow && run.out().format() == Format::kJson) {
    return UsageError("--follow has no single document: use -o jsonl");
  }
  if (!arguments.follow && (arguments.count != 0 || !arguments.resume.empty() ||
                            !arguments.exit_on.empty())) {
    return UsageError("--count, --exit-on and --resume need --follow");
  }
  if ((arguments.all || arguments.least != 0) &&
      (arguments.follow || !arguments.select.empty() ||
       NamesSelector(arguments))) {
    return UsageError("--all and --min go with HANDLE:BITS alone");
  }
  return absl::OkStatus();
}

absl::StatusOr<FollowOptions> FollowOptionsIn(const Arguments& arguments) {
  FollowOptions options;
  options.count = arguments.count;
  if (!arguments.exit_on.empty()) {
    const absl::StatusOr<Spec> spec = ParseSpec(arguments.exit_on);
    if (!spec.ok()) {
      return spec.status();
    }
    options.exit_on = *spec;
  }
  if (!arguments.resume.empty()) {
    const absl::StatusOr<WaitPosition> position =
        ParsePosition(arguments.resume);
    if (!position.ok()) {
      return position.status();
    }
    options.resume_after = *position;
  }
  return options;
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::Status usage = CheckUsage(run, arguments);
  if (!usage.ok()) {
    return usage;
  }
  const absl::StatusOr<FollowOptions> follow = FollowOptionsIn(arguments);
  if (!follow.ok()) {
    return follow.status();
  }
  std::vector<Spec> specs;
  for (const std::string& text : arguments.what) {
    if (NamesSelector(arguments)) {
      break;
    }
    const absl::StatusOr<Spec> spec = ParseSpec(text);
    if (!spec.ok()) {
      return spec.status();
    }
    specs.push_back(*spec);
  }

  const absl::StatusOr<Session*> session = run.session_for_waiting();
  if (!session.ok()) {
    return session.status();
  }
  if (!arguments.select.empty()) {
    return RunSelect(run, **session, arguments.select);
  }
  if (NamesSelector(arguments)) {
    Selector selector = (*session)->AttachSelector(arguments.what[0]);
    return arguments.follow ? FollowSelector(run, selector, *follow)
                            : WaitOnce(run, std::move(selector));
  }
  if (arguments.follow) {
    return FollowSpecs(run, **session, specs, *follow);
  }
  const std::size_t least =
      arguments.all ? specs.size() : std::max<std::int64_t>(1, arguments.least);
  if (least > specs.size()) {
    return UsageError(absl::StrCat("--min ", least, " of ", specs.size(),
                                   " handles can never be"));
  }
  return WaitFor(run, **session, specs, least);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command
      .Add("WHAT", arguments->what,
           "HANDLE:BITS[,level|,edge|,oneshot]..., or one selector; BITS "
           "are letters of r w p x h e, or names such as IN|RDHUP")
      .Type("SPEC");
  command.Add("--select", arguments->select, "select(2) on up to three sets")
      .Type("'r=A,B w=C x=D'");
  command.AddFlag("--follow", arguments->follow,
                  "go on: grant a credit after each result");
  command.Add("--count", arguments->count, "end after this many events")
      .Positive()
      .Type("N");
  command
      .Add("--exit-on", arguments->exit_on,
           "end when this handle shows any of these bits")
      .Type("HANDLE:BITS");
  command
      .Add("--resume", arguments->resume,
           "go on after this result of an interrupted wait")
      .Type("EPOCH-SEQ");
  const Argument all = command.AddFlag("--all", arguments->all,
                                       "wait until every handle was ready");
  command
      .Add("--min", arguments->least,
           "wait until this many handles were ready (1)")
      .Positive()
      .Excludes(all)
      .Type("N");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb WaitVerb() {
  return {
      "wait",
      groups::kWait,
      "waits until handles are ready",
      R"(  farpoll wait in:r --timeout 2s            # 0: ready, 124: timeout
  farpoll wait in:r out:w --all
  farpoll wait build:x --timeout 10m        # until that process has ended
  farpoll wait in:r --follow                # one line an event, until Ctrl-C
  farpoll wait sel --follow -o jsonl        # what is registered with sel
  farpoll wait --select 'r=in,ctl w=out x=sock' --timeout 2s
)",
      "READY: R read, W write, P priority, X a process has ended, E error, H "
      "hang-up, C the peer\nclosed its half, N the handle was closed.\n"
      "Handles given as HANDLE:BITS are waited on by a selector made for this "
      "call. With\n--follow they are edge by default: what nobody reads is "
      "shown once. \"level\" shows it\nagain and again, five times a second at "
      "most. After Ctrl-C, --resume with the same\narguments goes on where it "
      "stopped.\n--timeout is how long to wait; with --follow, for each event.",
      &Declare};
}

}  // namespace farpoll::cli
