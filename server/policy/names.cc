#include "server/policy/names.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

constexpr std::size_t kMostLetters = 64;

bool IsNameLetter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '-';
}

bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

}  // namespace

absl::Status CheckName(absl::string_view name, absl::string_view field) {
  if (name.empty()) {
    return absl::OkStatus();
  }
  const bool good = name.size() <= kMostLetters && name.front() != '-' &&
                    name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), IsNameLetter) &&
                    !std::all_of(name.begin(), name.end(), IsDigit);
  if (good) {
    return absl::OkStatus();
  }
  return MakeError(EINVAL, "BAD_NAME", field,
                   absl::StrCat(field,
                                ": a name has at most 64 of letters, digits, "
                                "'.', '_' and '-', does not start with '.' or "
                                "'-', and is not a number"));
}

}  // namespace farpoll::server
