// selector/events.h: room: selector. The plain values of readiness.
// Source: poll(2), epoll(7); docs/semantics.md sections 1 and 2.
#ifndef FARPOLL_SELECTOR_EVENTS_H_
#define FARPOLL_SELECTOR_EVENTS_H_

#include <poll.h>

#include <cstdint>
#include <string>

namespace farpoll {

// Events asked for (poll's `events`) or seen (poll's `revents`): poll(2)'s 16
// bits. ERR, HUP and NVAL are reported whether asked for or not.
using Events = std::uint16_t;

inline constexpr Events kIn = POLLIN;
inline constexpr Events kPriority = POLLPRI;
inline constexpr Events kOut = POLLOUT;
inline constexpr Events kError = POLLERR;
inline constexpr Events kHangup = POLLHUP;
inline constexpr Events kInvalid = POLLNVAL;
inline constexpr Events kReadNormal = 0x040;   // POLLRDNORM
inline constexpr Events kReadBand = 0x080;     // POLLRDBAND
inline constexpr Events kWriteNormal = 0x100;  // POLLWRNORM
inline constexpr Events kWriteBand = 0x200;    // POLLWRBAND
inline constexpr Events kMessage = 0x400;      // POLLMSG
inline constexpr Events kReadHangup = 0x2000;  // POLLRDHUP

// When a registration reports.
enum class Trigger : std::uint8_t {
  // By every wait, while the condition holds.
  kLevel,
  // Once, and again only after new activity or a modification.
  kEdge,
  // Once; then it stays silent until it is modified (re-armed). A server's
  // selector removes the registration with the report.
  kOneShot,
};

// "IN|HUP" for kIn | kHangup, "0" for none; unknown bits in hexadecimal.
std::string EventsToString(Events events);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_EVENTS_H_
