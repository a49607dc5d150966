#include "client/cli/kevent_spec.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/fnv.h"
#include "client/cli/failure.h"
#include "selector/kqueue/kevent.h"

namespace farpoll::cli {
namespace {

constexpr std::size_t kMostParts = 6;

absl::Status BadPart(absl::string_view text, absl::string_view why) {
  return UsageError(absl::StrCat("'", text, "': ", why));
}

bool TakesNumbers(std::int16_t filter) {
  return filter == evfilt::kTimer || filter == evfilt::kUser ||
         filter == evfilt::kSignal;
}

bool IsError(const Kevent& kevent) { return (kevent.flags & ev::kError) != 0; }

std::string IdentOf(const NamedKevent& event, const IdentNames& names) {
  if (!event.handle_name.empty()) {
    return event.handle_name;
  }
  const auto named = names.find(event.kevent.ident);
  return named != names.end() && TakesNumbers(event.kevent.filter)
             ? named->second
             : absl::StrCat(event.kevent.ident);
}

template <typename Number>
absl::Status ParseNumber(absl::string_view text, absl::string_view part,
                         absl::string_view what, Number* number) {
  if (part.empty() || absl::SimpleAtoi(part, number)) {
    return absl::OkStatus();
  }
  return BadPart(text, absl::StrCat(what, " is no number: '", part, "'"));
}

}  // namespace

absl::StatusOr<NamedKevent> ParseKevent(absl::string_view text,
                                        IdentNames* names) {
  std::vector<absl::string_view> parts =
      absl::StrSplit(text, ',', absl::AllowEmpty());
  if (parts.size() < 2 || parts.size() > kMostParts) {
    return BadPart(text,
                   "a kevent is IDENT,FILTER[,FLAGS[,FFLAGS[,DATA[,UDATA]]]]");
  }
  for (absl::string_view& part : parts) {
    part = absl::StripAsciiWhitespace(part);
  }
  parts.resize(kMostParts);
  NamedKevent change;
  Kevent& kevent = change.kevent;
  const absl::StatusOr<std::int16_t> filter = ParseFilter(parts[1]);
  if (!filter.ok()) {
    return BadPart(text, filter.status().message());
  }
  kevent.filter = *filter;
  if (!parts[2].empty()) {
    const absl::StatusOr<std::uint16_t> flags = ParseFlags(parts[2]);
    if (!flags.ok()) {
      return BadPart(text, flags.status().message());
    }
    kevent.flags = *flags;
  }
  const absl::StatusOr<std::uint32_t> fflags =
      ParseFilterFlags(kevent.filter, parts[3]);
  if (!fflags.ok()) {
    return BadPart(text, fflags.status().message());
  }
  kevent.fflags = *fflags;
  absl::Status good = ParseNumber(text, parts[4], "DATA", &kevent.data);
  good.Update(ParseNumber(text, parts[5], "UDATA", &kevent.udata));
  if (!good.ok()) {
    return good;
  }
  if (parts[0].empty()) {
    return BadPart(text, "IDENT is empty");
  }
  if (absl::SimpleAtoi(parts[0], &kevent.ident)) {
    return change;
  }
  if (TakesNumbers(kevent.filter)) {
    kevent.ident = Fnv1a(parts[0]);
    (*names)[kevent.ident] = std::string(parts[0]);
  } else {
    kevent.ident = 0;
    change.handle_name = std::string(parts[0]);
  }
  return change;
}

std::vector<std::string> KeventHeaders() {
  return {"IDENT", "FILTER", "FLAGS", "FFLAGS", "DATA", "UDATA"};
}

std::vector<std::string> KeventCells(const NamedKevent& event,
                                     const IdentNames& names) {
  const Kevent& kevent = event.kevent;
  return {IdentOf(event, names),
          FilterToString(kevent.filter),
          FlagsToString(kevent.flags),
          FilterFlagsToString(kevent.filter, kevent.fflags),
          IsError(kevent) && kevent.data != 0
              ? ErrnoName(static_cast<int>(kevent.data))
              : absl::StrCat(kevent.data),
          kevent.udata == 0 ? "-" : absl::StrCat(kevent.udata)};
}

Json KeventJson(const NamedKevent& event, const IdentNames& names) {
  const Kevent& kevent = event.kevent;
  Json json;
  json["ident"] = absl::StrCat(kevent.ident);
  json["name"] = IdentOf(event, names);
  json["filter"] = FilterToString(kevent.filter);
  json["flags"] = FlagsToString(kevent.flags);
  json["fflags"] = FilterFlagsToString(kevent.filter, kevent.fflags);
  json["data"] = absl::StrCat(kevent.data);
  json["udata"] = absl::StrCat(kevent.udata);
  if (IsError(kevent) && kevent.data != 0) {
    json["error"] = ErrnoName(static_cast<int>(kevent.data));
  }
  return json;
}

}  // namespace farpoll::cli
