#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

// Reported whether asked for or not.
constexpr Events kUnasked = kError | kHangup | kInvalid;

struct Arguments {
  std::vector<std::string> what;
  bool take_over = false;
};

// One row of the answer: what poll(2) calls a pollfd.
struct PollEntry {
  Spec asked;
  Events returned = 0;
};

absl::Status ShowEntries(Runtime& run, const std::vector<PollEntry>& entries) {
  Table table = {{"HANDLE", "REQUESTED", "RETURNED"}, {}};
  std::vector<Json> items;
  for (const PollEntry& entry : entries) {
    if (entry.returned == 0) {
      continue;
    }
    table.rows.push_back({entry.asked.handle,
                          EventsToString(entry.asked.events),
                          EventsToString(entry.returned)});
    Json item;
    item["handle"] = entry.asked.handle;
    item["requested"] = Words(entry.asked.events);
    item["returned"] = Words(entry.returned);
    items.push_back(item);
  }
  return items.empty() ? Quietly(kExitTimeout)
                       : run.out().List("events", items, table);
}

// Registers each handle once, with all that is asked of it; an unknown one is
// answered with NVAL, as poll(2) answers for a closed descriptor.
absl::StatusOr<bool> RegisterEntries(Session& session, Selector& selector,
                                     std::vector<PollEntry>& entries) {
  std::map<std::string, Events> asked;
  for (const PollEntry& entry : entries) {
    asked[entry.asked.handle] |= entry.asked.events;
  }
  bool any_invalid = false;
  for (PollEntry& entry : entries) {
    const absl::Status registered =
        selector
            .Register(session.AttachHandle(entry.asked.handle),
                      asked[entry.asked.handle])
            .status();
    if (DetailOf(registered).reason == "HANDLE_UNKNOWN") {
      entry.returned = kInvalid;
      any_invalid = true;
    } else if (!registered.ok()) {
      return registered;
    }
  }
  return any_invalid;
}

absl::Status PollEntries(Runtime& run, Session& session,
                         std::vector<PollEntry> entries) {
  absl::StatusOr<Selector> selector =
      session.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  const absl::StatusOr<bool> any_invalid =
      RegisterEntries(session, *selector, entries);
  if (!any_invalid.ok()) {
    return any_invalid.status();
  }
  const auto events = selector->Poll(
      *any_invalid ? Timeout::Zero() : run.timeout_or(Timeout::Forever()));
  if (!events.ok()) {
    return events.status();
  }
  for (PollEntry& entry : entries) {
    for (const client::Event& event : *events) {
      if (entry.asked.handle == event.handle_name ||
          entry.asked.handle == absl::StrCat(event.handle_id)) {
        entry.returned = event.events & (entry.asked.events | kUnasked);
      }
    }
  }
  return ShowEntries(run, entries);
}

absl::Status PollSelector(Runtime& run, Selector selector, bool take_over) {
  const auto registrations = selector.Registrations();
  if (!registrations.ok()) {
    return registrations.status();
  }
  const auto events =
      selector.Poll(run.timeout_or(Timeout::Forever()), 0, take_over);
  if (!events.ok()) {
    return events.status();
  }
  std::vector<PollEntry> entries;
  for (const client::Event& event : *events) {
    PollEntry entry;
    entry.asked.handle = NameOrId(event.handle_name, event.handle_id);
    entry.returned = event.events;
    for (const v1::Registration& registration : *registrations) {
      if (registration.handle_id() == event.handle_id) {
        entry.asked.events = static_cast<Events>(registration.events());
      }
    }
    entries.push_back(std::move(entry));
  }
  return ShowEntries(run, entries);
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const std::vector<std::string>& what = arguments.what;
  const bool selector = what.size() == 1 && !absl::StrContains(what[0], ':');
  if (arguments.take_over && !selector) {
    return UsageError("--take-over goes with a selector");
  }
  std::vector<PollEntry> entries;
  for (const std::string& text : what) {
    if (selector) {
      break;
    }
    const absl::StatusOr<Spec> spec = ParseSpec(text);
    if (!spec.ok()) {
      return spec.status();
    }
    if (spec->trigger.has_value()) {
      return UsageError(
          absl::StrCat("'", text, "': poll(2) knows no triggers"));
    }
    entries.push_back({*spec, 0});
  }
  const absl::StatusOr<Session*> session = run.session_for_waiting();
  if (!session.ok()) {
    return session.status();
  }
  return selector ? PollSelector(run, (*session)->AttachSelector(what[0]),
                                 arguments.take_over)
                  : PollEntries(run, **session, std::move(entries));
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("WHAT", arguments->what, "HANDLE:BITS..., or one selector")
      .Type("SPEC")
      .Required();
  command.AddFlag("--take-over", arguments->take_over,
                  "end the wait that is in progress on the selector");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb PollVerb() {
  return {"poll",
          groups::kWait,
          "poll(2): what is asked and what is returned",
          R"(  farpoll poll in:IN out:OUT gone:IN --timeout 0
  farpoll poll 'sock:IN|RDHUP' --timeout 5s
  farpoll poll sel --timeout 0       # what is registered with a selector
)",
          "An unknown handle returns NVAL instead of failing. Nothing ready "
          "within --timeout exits 124.\nA selector takes one wait at a time. "
          "Beside another one, --timeout 0 looks without taking\nanything; "
          "--take-over ends it.",
          &Declare};
}

}  // namespace farpoll::cli
