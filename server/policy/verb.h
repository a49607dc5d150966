// server/policy/verb.h: room: server/policy. What can be granted: one word for
// each way to use a server.
// Threads: pure.
#ifndef FARPOLL_SERVER_POLICY_VERB_H_
#define FARPOLL_SERVER_POLICY_VERB_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

enum class Verb {
  kInspect,      // describe and list one's own things and the server
  kCreatePipe,   // pipes and socket pairs
  kCreateTimer,  // timers and event counters
  kListen,       // listeners, bound datagram sockets, what they accept
  kConnect,      // connections and connected datagram sockets
  kSpawn,        // child processes and ptys
  kSignal,       // signals to one's own children
  kOpen,         // files, FIFOs, watches of files and folders
  kRead,         // bytes out of a handle
  kWrite,        // bytes into a handle; shutting it down
  kWait,         // selectors and waits
  kObserve,      // readiness without taking events
  kPass,         // descriptors handed to the server
  kFetch,        // duplicates of its descriptors handed out
};

inline constexpr Verb kAllVerbs[] = {
    Verb::kInspect, Verb::kCreatePipe, Verb::kCreateTimer, Verb::kListen,
    Verb::kConnect, Verb::kSpawn,      Verb::kSignal,      Verb::kOpen,
    Verb::kRead,    Verb::kWrite,      Verb::kWait,        Verb::kObserve,
    Verb::kPass,    Verb::kFetch};

// "create.pipe" of kCreatePipe.
absl::string_view VerbName(Verb verb);

// The verb of that name.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_VERB) listing the names there are.
absl::StatusOr<Verb> ParseVerb(absl::string_view name);

class VerbSet {
 public:
  constexpr VerbSet() = default;
  constexpr VerbSet(std::initializer_list<Verb> verbs) {
    for (const Verb verb : verbs) {
      Add(verb);
    }
  }

  constexpr void Add(Verb verb) { bits_ |= BitOf(verb); }
  constexpr bool Has(Verb verb) const { return (bits_ & BitOf(verb)) != 0; }

 private:
  static constexpr std::uint32_t BitOf(Verb verb) {
    return std::uint32_t{1} << static_cast<int>(verb);
  }
  std::uint32_t bits_ = 0;
};

// What makes nothing outside the server: pipes, socket pairs, timers, event
// counters, their bytes and the waits on them.
inline constexpr VerbSet kBasicVerbs = {
    Verb::kInspect, Verb::kCreatePipe, Verb::kCreateTimer, Verb::kRead,
    Verb::kWrite,   Verb::kWait,       Verb::kObserve};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_VERB_H_
