#include "selector/kqueue/kevent.h"

#include <cerrno>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "base/errno_status.h"

namespace farpoll {
namespace {

struct FilterName {
  std::int16_t filter;
  const char* name;
};

constexpr FilterName kFilters[] = {
    {evfilt::kRead, "READ"},   {evfilt::kWrite, "WRITE"},
    {evfilt::kAio, "AIO"},     {evfilt::kVnode, "VNODE"},
    {evfilt::kProc, "PROC"},   {evfilt::kSignal, "SIGNAL"},
    {evfilt::kTimer, "TIMER"}, {evfilt::kProcdesc, "PROCDESC"},
    {evfilt::kFs, "FS"},       {evfilt::kLio, "LIO"},
    {evfilt::kUser, "USER"},   {evfilt::kSendfile, "SENDFILE"},
    {evfilt::kEmpty, "EMPTY"}, {evfilt::kExcept, "EXCEPT"},
};

// A value under a mask, since USER's operations share bits.
struct BitName {
  std::uint32_t mask;
  std::uint32_t value;
  const char* name;
};

constexpr BitName Bit(std::uint32_t bit, const char* name) {
  return {bit, bit, name};
}

constexpr BitName kFlags[] = {
    Bit(ev::kAdd, "ADD"),
    Bit(ev::kDelete, "DELETE"),
    Bit(ev::kEnable, "ENABLE"),
    Bit(ev::kDisable, "DISABLE"),
    Bit(ev::kOneShot, "ONESHOT"),
    Bit(ev::kClear, "CLEAR"),
    Bit(ev::kReceipt, "RECEIPT"),
    Bit(ev::kDispatch, "DISPATCH"),
    Bit(ev::kForceOneShot, "FORCEONESHOT"),
    Bit(ev::kKeepUdata, "KEEPUDATA"),
    Bit(ev::kError, "ERROR"),
    Bit(ev::kEof, "EOF"),
};

constexpr BitName kBytesNotes[] = {
    Bit(note::kLowWater, "NOTE_LOWAT"),
    Bit(note::kFilePoll, "NOTE_FILE_POLL"),
};

constexpr BitName kExceptNotes[] = {Bit(note::kOutOfBand, "NOTE_OOB")};

constexpr BitName kVnodeNotes[] = {
    Bit(note::kDelete, "NOTE_DELETE"),
    Bit(note::kWrite, "NOTE_WRITE"),
    Bit(note::kExtend, "NOTE_EXTEND"),
    Bit(note::kAttrib, "NOTE_ATTRIB"),
    Bit(note::kLink, "NOTE_LINK"),
    Bit(note::kRename, "NOTE_RENAME"),
    Bit(note::kRevoke, "NOTE_REVOKE"),
    Bit(note::kOpen, "NOTE_OPEN"),
    Bit(note::kClose, "NOTE_CLOSE"),
    Bit(note::kCloseWrite, "NOTE_CLOSE_WRITE"),
    Bit(note::kRead, "NOTE_READ"),
};

constexpr BitName kProcessNotes[] = {
    Bit(note::kExit, "NOTE_EXIT"),           Bit(note::kFork, "NOTE_FORK"),
    Bit(note::kExec, "NOTE_EXEC"),           Bit(note::kTrack, "NOTE_TRACK"),
    Bit(note::kTrackError, "NOTE_TRACKERR"), Bit(note::kChild, "NOTE_CHILD"),
};

constexpr BitName kTimerNotes[] = {
    Bit(note::kSeconds, "NOTE_SECONDS"),
    Bit(note::kMilliseconds, "NOTE_MSECONDS"),
    Bit(note::kMicroseconds, "NOTE_USECONDS"),
    Bit(note::kNanoseconds, "NOTE_NSECONDS"),
    Bit(note::kAbsoluteTime, "NOTE_ABSTIME"),
};

// FFCOPY has the bits of the other two and stands before them.
constexpr BitName kUserNotes[] = {
    {note::kUserOperation, note::kUserCopy, "NOTE_FFCOPY"},
    {note::kUserOperation, note::kUserAnd, "NOTE_FFAND"},
    {note::kUserOperation, note::kUserOr, "NOTE_FFOR"},
    Bit(note::kTrigger, "NOTE_TRIGGER"),
};

absl::Span<const BitName> NotesOf(std::int16_t filter) {
  switch (filter) {
    case evfilt::kRead:
    case evfilt::kWrite:
      return kBytesNotes;
    case evfilt::kExcept:
      return kExceptNotes;
    case evfilt::kVnode:
      return kVnodeNotes;
    case evfilt::kProc:
    case evfilt::kProcdesc:
      return kProcessNotes;
    case evfilt::kTimer:
      return kTimerNotes;
    case evfilt::kUser:
      return kUserNotes;
    default:
      return {};
  }
}

std::string BitsToString(absl::Span<const BitName> names, std::uint32_t bits) {
  std::string text;
  for (const BitName& name : names) {
    if ((bits & name.mask) == name.value) {
      absl::StrAppend(&text, text.empty() ? "" : "|", name.name);
      bits &= ~name.mask;
    }
  }
  if (bits != 0) {
    absl::StrAppend(&text, text.empty() ? "" : "|", "0x", absl::Hex(bits));
  }
  return text.empty() ? "-" : text;
}

absl::Status Unknown(absl::string_view what, absl::string_view text) {
  return MakeError(EINVAL, "", what, absl::StrCat("unknown ", what, " ", text));
}

bool ParseNumber(absl::string_view text, std::uint32_t* number) {
  return absl::StartsWithIgnoreCase(text, "0x")
             ? absl::SimpleHexAtoi(text, number)
             : absl::SimpleAtoi(text, number);
}

absl::StatusOr<std::uint32_t> ParseBits(absl::Span<const BitName> names,
                                        absl::string_view prefix,
                                        absl::string_view what,
                                        absl::string_view text) {
  std::uint32_t bits = 0;
  if (text.empty() || text == "-") {
    return bits;
  }
  for (const absl::string_view part : absl::StrSplit(text, '|')) {
    std::string wanted = absl::AsciiStrToUpper(part);
    if (!absl::StartsWith(wanted, prefix)) {
      wanted = absl::StrCat(prefix, wanted);
    }
    const BitName* found = nullptr;
    for (const BitName& name : names) {
      const bool prefixed = absl::StartsWith(name.name, prefix);
      if (wanted == (prefixed ? name.name : absl::StrCat(prefix, name.name))) {
        found = &name;
      }
    }
    std::uint32_t number = 0;
    if (found != nullptr) {
      bits |= found->value;
    } else if (ParseNumber(part, &number)) {
      bits |= number;
    } else {
      return Unknown(what, part);
    }
  }
  return bits;
}

}  // namespace

std::strong_ordering operator<=>(const Kevent& a, const Kevent& b) {
  if (const auto order = a.ident <=> b.ident; order != 0) {
    return order;
  }
  if (const auto order = a.filter <=> b.filter; order != 0) {
    return order;
  }
  if (const auto order = a.flags <=> b.flags; order != 0) {
    return order;
  }
  if (const auto order = a.fflags <=> b.fflags; order != 0) {
    return order;
  }
  if (const auto order = a.data <=> b.data; order != 0) {
    return order;
  }
  return static_cast<std::int64_t>(a.udata) <=>
         static_cast<std::int64_t>(b.udata);
}

std::string FilterToString(std::int16_t filter) {
  for (const FilterName& entry : kFilters) {
    if (entry.filter == filter) {
      return entry.name;
    }
  }
  return absl::StrCat(filter);
}

std::string FlagsToString(std::uint16_t flags) {
  return BitsToString(kFlags, flags);
}

std::string FilterFlagsToString(std::int16_t filter, std::uint32_t fflags) {
  return BitsToString(NotesOf(filter), fflags);
}

absl::StatusOr<std::int16_t> ParseFilter(absl::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  const absl::string_view wanted = absl::StripPrefix(upper, "EVFILT_");
  for (const FilterName& entry : kFilters) {
    if (wanted == entry.name) {
      return entry.filter;
    }
  }
  std::int32_t number = 0;
  if (absl::SimpleAtoi(text, &number) &&
      number >= std::numeric_limits<std::int16_t>::min() &&
      number <= std::numeric_limits<std::int16_t>::max()) {
    return static_cast<std::int16_t>(number);
  }
  return Unknown("filter", text);
}

absl::StatusOr<std::uint16_t> ParseFlags(absl::string_view text) {
  const absl::StatusOr<std::uint32_t> bits =
      ParseBits(kFlags, "EV_", "flag", text);
  if (!bits.ok()) {
    return bits.status();
  }
  if (*bits > std::numeric_limits<std::uint16_t>::max()) {
    return Unknown("flag", text);
  }
  return static_cast<std::uint16_t>(*bits);
}

absl::StatusOr<std::uint32_t> ParseFilterFlags(std::int16_t filter,
                                               absl::string_view text) {
  return ParseBits(NotesOf(filter), "NOTE_", "filter flag", text);
}

}  // namespace farpoll
