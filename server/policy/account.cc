#include "server/policy/account.h"

#include <algorithm>
#include <cstdint>

namespace farpoll::server {

Limits ScaleAccount(Limits limits, std::int64_t percent) {
  for (std::int64_t Limits::*const counted :
       {&Limits::max_connections, &Limits::max_passing_connections,
        &Limits::max_calls, &Limits::max_sessions, &Limits::max_handles,
        &Limits::max_weak_handles, &Limits::max_file_calls,
        &Limits::max_processes, &Limits::max_selectors,
        &Limits::max_registrations, &Limits::max_held_bytes}) {
    std::int64_t& number = limits.*counted;
    number =
        std::max(number * percent / 100, std::min<std::int64_t>(number, 1));
  }
  return limits;
}

}  // namespace farpoll::server
