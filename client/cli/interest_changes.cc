#include "client/cli/interest_changes.h"

#include "absl/strings/str_cat.h"
#include "client/cli/spec.h"

namespace farpoll::cli {

void AddInterestOptions(Command command, InterestArguments& arguments) {
  command.Add("SELECTOR", arguments.selector, "by name or id")
      .Type("SELECTOR")
      .Required();
  command
      .Add("SPEC", arguments.specs,
           "HANDLE:BITS[,level|,edge|,oneshot]; BITS are letters of "
           "r w p x h e, or names such as IN|RDHUP")
      .Type("SPEC")
      .Required();
  command
      .Add("--cookie", arguments.cookie,
           "a number that comes back with each event")
      .Type("N");
}

absl::Status ChangeInterest(Runtime& run, const InterestArguments& arguments,
                            InterestChange change) {
  std::vector<Spec> specs;
  for (const std::string& text : arguments.specs) {
    const absl::StatusOr<Spec> spec = ParseSpec(text);
    if (!spec.ok()) {
      return spec.status();
    }
    specs.push_back(*spec);
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  Selector selector = (*session)->AttachSelector(arguments.selector);
  std::vector<Json> items;
  for (const Spec& spec : specs) {
    const absl::StatusOr<std::int64_t> generation = (selector.*change)(
        (*session)->AttachHandle(spec.handle), spec.events,
        spec.trigger.value_or(Trigger::kLevel), arguments.cookie,
        /*read_bytes=*/0);
    if (!generation.ok()) {
      return generation.status();
    }
    Json item;
    item["handle"] = spec.handle;
    item["generation"] = absl::StrCat(*generation);
    items.push_back(item);
  }
  return run.out().List("results", items, {});
}

}  // namespace farpoll::cli
