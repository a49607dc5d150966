// server/session/reference.h: room: server/session. How a client names one of
// its handles or selectors.
// Threads: plain values.
#ifndef FARPOLL_SERVER_SESSION_REFERENCE_H_
#define FARPOLL_SERVER_SESSION_REFERENCE_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace farpoll::server {

// By name when `name` is not empty, else by id.
struct Reference {
  std::int64_t id = 0;
  std::string name;

  // As people would say it: "in", or "handle 7" for ("handle", 7).
  std::string Text(absl::string_view what) const {
    return name.empty() ? absl::StrCat(what, " ", id) : name;
  }
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_REFERENCE_H_
