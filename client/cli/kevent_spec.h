// client/cli/kevent_spec.h: room: cli. kevents as people type and read them.
// Threads: pure. Errors: UsageError, naming the bad part.
// Source: docs/cli.md, "kevent"; FreeBSD kqueue(2) for the names.
#ifndef FARPOLL_CLIENT_CLI_KEVENT_SPEC_H_
#define FARPOLL_CLIENT_CLI_KEVENT_SPEC_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/output.h"
#include "client/event_stream.h"

namespace farpoll::cli {

// Names that stand for numbers: what TIMER and USER are called.
using IdentNames = std::map<std::uint64_t, std::string>;

// "IDENT,FILTER[,FLAGS[,FFLAGS[,DATA[,UDATA]]]]", such as
// "in,READ,ADD|CLEAR" or "t,TIMER,ADD|ONESHOT,,500". FLAGS is ADD when it is
// left out. IDENT is a handle's name or id; for TIMER and USER a number, or a
// word that stands for one and is put into `names`.
absl::StatusOr<NamedKevent> ParseKevent(absl::string_view text,
                                        IdentNames* names);

// Columns of an event, and its cells.
std::vector<std::string> KeventHeaders();
std::vector<std::string> KeventCells(const NamedKevent& event,
                                     const IdentNames& names);
// {"ident","handle","filter","flags","fflags","data","udata"}, names joined by
// '|', and "error" with the errno's name when there is one.
Json KeventJson(const NamedKevent& event, const IdentNames& names);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_KEVENT_SPEC_H_
