#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "client/cli/describe_values.h"
#include "client/cli/interest_changes.h"
#include "client/cli/selector_kinds.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  InterestArguments interest;
  v1::SelectorKind kind = kUsualKind;
};

// Makes the selector when there is none of that name; it stays.
absl::Status EnsureSelector(Runtime& run, Session& session,
                            const Arguments& arguments) {
  const std::string& name = arguments.interest.selector;
  const absl::Status there = session.AttachSelector(name).Describe().status();
  if (DetailOf(there).reason != "SELECTOR_UNKNOWN") {
    return there;
  }
  absl::StatusOr<Selector> made = session.CreateSelector(arguments.kind, name);
  if (!made.ok()) {
    return made.status();
  }
  made->Release();
  run.out().Note(absl::StrCat("made selector ", name, " (",
                              KindName(arguments.kind), ")"));
  return absl::OkStatus();
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  const absl::Status ensured = EnsureSelector(run, **session, arguments);
  if (!ensured.ok()) {
    return ensured;
  }
  return ChangeInterest(run, arguments.interest, &Selector::Register);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  AddInterestOptions(command, arguments->interest);
  AddKindOption(command, arguments->kind);
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb RegisterVerb() {
  return {"register",
          groups::kInterest,
          "starts reporting events of handles",
          R"(  farpoll register sel in:r
  farpoll register sel in:r,edge out:w,oneshot --cookie 7
  farpoll register sel 'sock:IN|RDHUP'
)",
          "A selector of that name is made when there is none. Without a "
          "trigger it is level: reported by every wait while it lasts.",
          &Declare};
}

}  // namespace farpoll::cli
