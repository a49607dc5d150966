// client/cli/interest_changes.h: room: cli. What register and modify share.
#ifndef FARPOLL_CLIENT_CLI_INTEREST_CHANGES_H_
#define FARPOLL_CLIENT_CLI_INTEREST_CHANGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/runtime.h"
#include "client/selector.h"

namespace farpoll::cli {

struct InterestArguments {
  std::string selector;
  std::vector<std::string> specs;
  std::uint64_t cookie = 0;
};

// SELECTOR SPEC... --cookie N
void AddInterestOptions(Command command, InterestArguments& arguments);

// Selector::Register or Selector::Modify.
using InterestChange = absl::StatusOr<std::int64_t> (Selector::*)(
    const Handle&, Events, Trigger, std::uint64_t cookie,
    std::int32_t read_bytes);

// Applies `change` for each spec, in order, up to the first that fails.
absl::Status ChangeInterest(Runtime& run, const InterestArguments& arguments,
                            InterestChange change);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_INTEREST_CHANGES_H_
