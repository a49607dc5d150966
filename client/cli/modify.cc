#include <memory>

#include "client/cli/interest_changes.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

Action Declare(Command command) {
  const auto arguments = std::make_shared<InterestArguments>();
  AddInterestOptions(command, *arguments);
  return [arguments](Runtime& run) {
    return ChangeInterest(run, *arguments, &Selector::Modify);
  };
}

}  // namespace

Verb ModifyVerb() {
  return {"modify",
          groups::kInterest,
          "replaces what is asked of registered handles, and arms them again",
          R"(  farpoll modify sel in:rp
  farpoll modify sel in:r,oneshot
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
