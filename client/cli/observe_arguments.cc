#include "client/cli/observe_arguments.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

absl::Status AddKinds(const std::string& text, v1::ObserveRequest* request) {
  for (const absl::string_view word :
       absl::StrSplit(text, ',', absl::SkipEmpty())) {
    v1::HandleKind found = v1::HANDLE_KIND_UNSPECIFIED;
    std::vector<std::string> known;
    for (int i = 1; v1::HandleKind_IsValid(i); ++i) {
      known.push_back(KindName(static_cast<v1::HandleKind>(i)));
      if (known.back() == word) {
        found = static_cast<v1::HandleKind>(i);
      }
    }
    if (found == v1::HANDLE_KIND_UNSPECIFIED) {
      return UsageError(absl::StrCat("--kind: '", word, "' is none of ",
                                     absl::StrJoin(known, ", ")));
    }
    request->add_kinds(found);
  }
  return absl::OkStatus();
}

}  // namespace

void AddObserveArguments(Command command, ObserveArguments& arguments) {
  command
      .Add("NAME", arguments.names,
           "only handles whose name fits; '*' is any number of characters")
      .Type("HANDLE");
  command.Add("--kind", arguments.kinds, "only handles of these kinds")
      .Type("KIND,...");
  command
      .Add("--selector", arguments.selectors,
           "only handles registered with one of these selectors")
      .Type("SELECTOR,...");
  command
      .Add("--rate", arguments.rate,
           "how often a second at most a handle is shown (10; 60 at most)")
      .Positive()
      .Type("N");
}

absl::StatusOr<v1::ObserveRequest> ToObserveRequest(
    const ObserveArguments& arguments) {
  v1::ObserveRequest request;
  if (const absl::Status added = AddKinds(arguments.kinds, &request);
      !added.ok()) {
    return added;
  }
  for (const std::string& name : arguments.names) {
    request.add_names(name);
  }
  for (const absl::string_view selector :
       absl::StrSplit(arguments.selectors, ',', absl::SkipEmpty())) {
    *request.add_selectors() = client::SelectorRefOf(selector);
  }
  request.set_max_rate(arguments.rate);
  return request;
}

}  // namespace farpoll::cli
