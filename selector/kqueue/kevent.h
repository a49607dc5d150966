// selector/kqueue/kevent.h: room: selector. One change or event of a kqueue,
// with FreeBSD's numbers, and the names people type and read for them.
// Threads: plain values; pure functions.
// Source: FreeBSD kqueue(2), sys/event.h; docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_KEVENT_H_
#define FARPOLL_SELECTOR_KQUEUE_KEVENT_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll {

// What a registration watches.
namespace evfilt {
inline constexpr std::int16_t kRead = -1;
inline constexpr std::int16_t kWrite = -2;
inline constexpr std::int16_t kAio = -3;
inline constexpr std::int16_t kVnode = -4;
inline constexpr std::int16_t kProc = -5;
inline constexpr std::int16_t kSignal = -6;
inline constexpr std::int16_t kTimer = -7;
inline constexpr std::int16_t kProcdesc = -8;
inline constexpr std::int16_t kFs = -9;
inline constexpr std::int16_t kLio = -10;
inline constexpr std::int16_t kUser = -11;
inline constexpr std::int16_t kSendfile = -12;
inline constexpr std::int16_t kEmpty = -13;
inline constexpr std::int16_t kExcept = -15;  // macOS's; FreeBSD has none
}  // namespace evfilt

// Flags: what a change does, the registration's mode, what an event says.
namespace ev {
inline constexpr std::uint16_t kAdd = 0x0001;
inline constexpr std::uint16_t kDelete = 0x0002;
inline constexpr std::uint16_t kEnable = 0x0004;
inline constexpr std::uint16_t kDisable = 0x0008;
inline constexpr std::uint16_t kOneShot = 0x0010;
inline constexpr std::uint16_t kClear = 0x0020;
inline constexpr std::uint16_t kReceipt = 0x0040;
inline constexpr std::uint16_t kDispatch = 0x0080;
inline constexpr std::uint16_t kForceOneShot = 0x0100;
inline constexpr std::uint16_t kKeepUdata = 0x0200;
inline constexpr std::uint16_t kError = 0x4000;
inline constexpr std::uint16_t kEof = 0x8000;
// Stripped from changes.
inline constexpr std::uint16_t kSystem = 0xf000;
}  // namespace ev

// Filter flags. Each filter has its own; numbers repeat between filters.
namespace note {
// READ, WRITE.
inline constexpr std::uint32_t kLowWater = 0x1;
inline constexpr std::uint32_t kFilePoll = 0x2;
// EXCEPT.
inline constexpr std::uint32_t kOutOfBand = 0x2;
// VNODE.
inline constexpr std::uint32_t kDelete = 0x001;
inline constexpr std::uint32_t kWrite = 0x002;
inline constexpr std::uint32_t kExtend = 0x004;
inline constexpr std::uint32_t kAttrib = 0x008;
inline constexpr std::uint32_t kLink = 0x010;
inline constexpr std::uint32_t kRename = 0x020;
inline constexpr std::uint32_t kRevoke = 0x040;
inline constexpr std::uint32_t kOpen = 0x080;
inline constexpr std::uint32_t kClose = 0x100;
inline constexpr std::uint32_t kCloseWrite = 0x200;
inline constexpr std::uint32_t kRead = 0x400;
// PROC, PROCDESC.
inline constexpr std::uint32_t kExit = 0x80000000;
inline constexpr std::uint32_t kFork = 0x40000000;
inline constexpr std::uint32_t kExec = 0x20000000;
inline constexpr std::uint32_t kTrack = 0x1;
inline constexpr std::uint32_t kTrackError = 0x2;
inline constexpr std::uint32_t kChild = 0x4;
// TIMER; no unit means milliseconds.
inline constexpr std::uint32_t kSeconds = 0x1;
inline constexpr std::uint32_t kMilliseconds = 0x2;
inline constexpr std::uint32_t kMicroseconds = 0x4;
inline constexpr std::uint32_t kNanoseconds = 0x8;
inline constexpr std::uint32_t kAbsoluteTime = 0x10;
// USER: how to combine the low 24 bits with those kept, and the trigger.
inline constexpr std::uint32_t kUserNop = 0x00000000;
inline constexpr std::uint32_t kUserAnd = 0x40000000;
inline constexpr std::uint32_t kUserOr = 0x80000000;
inline constexpr std::uint32_t kUserCopy = 0xc0000000;
inline constexpr std::uint32_t kUserOperation = 0xc0000000;  // mask
inline constexpr std::uint32_t kUserBits = 0x00ffffff;       // mask
inline constexpr std::uint32_t kTrigger = 0x01000000;
}  // namespace note

// A change handed to a queue, or an event it gives back; the portable 32 bytes
// of libkqueue, so that C programs and this library share one value.
struct Kevent {
  // What is watched: a descriptor, process, signal, or number of the caller's
  // choosing, as the filter says. With the filter it names the registration.
  std::uint64_t ident = 0;
  std::int16_t filter = evfilt::kRead;
  std::uint16_t flags = ev::kAdd;
  std::uint32_t fflags = 0;
  // Units depend on the filter: bytes, connections, a wait status, expirations;
  // an errno with ev::kError.
  std::int64_t data = 0;
  // The caller's cookie, given back with each event.
  std::uint64_t udata = 0;

  friend bool operator==(const Kevent&, const Kevent&) = default;
  // By the fields in their order, udata as a signed number (Python's kevent).
  friend std::strong_ordering operator<=>(const Kevent& a, const Kevent& b);
};
static_assert(sizeof(Kevent) == 32);
static_assert(offsetof(Kevent, filter) == 8 && offsetof(Kevent, flags) == 10);
static_assert(offsetof(Kevent, fflags) == 12 && offsetof(Kevent, data) == 16);
static_assert(offsetof(Kevent, udata) == 24);

// "READ" for evfilt::kRead; the number for one without a name.
std::string FilterToString(std::int16_t filter);
// "ADD|CLEAR" for ev::kAdd | ev::kClear, "-" for none, unknown bits in
// hexadecimal.
std::string FlagsToString(std::uint16_t flags);
// "NOTE_EXIT" and the like; the filter says what the bits mean. "-" for none.
std::string FilterFlagsToString(std::int16_t filter, std::uint32_t fflags);

// The other way; names in either case, joined by '|', and numbers, decimal or
// hexadecimal. "" and "-" mean none; the prefixes EVFILT_, EV_ and NOTE_ may be
// there or not.
//   Errors: INVALID_ARGUMENT (EINVAL) naming what is not known.
absl::StatusOr<std::int16_t> ParseFilter(absl::string_view text);
absl::StatusOr<std::uint16_t> ParseFlags(absl::string_view text);
absl::StatusOr<std::uint32_t> ParseFilterFlags(std::int16_t filter,
                                               absl::string_view text);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_KEVENT_H_
