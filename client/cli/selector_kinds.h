// client/cli/selector_kinds.h: room: cli. --kind, which more than one verb has.
#ifndef FARPOLL_CLIENT_CLI_SELECTOR_KINDS_H_
#define FARPOLL_CLIENT_CLI_SELECTOR_KINDS_H_

#include "client/cli/choice_option.h"
#include "farpoll/v1/selector.pb.h"

namespace farpoll::cli {

// What a selector is when nobody says: poll shows hang-ups and errors as they
// are.
inline constexpr v1::SelectorKind kUsualKind = v1::SELECTOR_KIND_POLL;

inline void AddKindOption(Command command, v1::SelectorKind& kind) {
  AddChoice<v1::SelectorKind>(
      command, "--kind", kind,
      {{"poll", v1::SELECTOR_KIND_POLL},
       {"select", v1::SELECTOR_KIND_SELECT},
       {"kqueue", v1::SELECTOR_KIND_KQUEUE},
       {"default", v1::SELECTOR_KIND_DEFAULT}},
      "semantics: poll (the usual one), select, kqueue, or default "
      "(selectors.DefaultSelector)");
}

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SELECTOR_KINDS_H_
