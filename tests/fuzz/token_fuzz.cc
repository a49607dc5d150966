// tests/fuzz/token_fuzz.cc: room: tests. Tokens that clients bring back: of the
// next page, and of where an Observe goes on. What is taken is exactly what was
// given out.
//
// An input is a byte that chooses the kind, and the token.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/observe/request.h"
#include "server/rpc/convert.h"

namespace farpoll::server {
namespace {

void ReadPage(const std::string& token) {
  const auto page = ToPage(/*page_size=*/0, token);
  if (page.ok() && !token.empty() && PageToken(page->after) != token) {
    std::abort();
  }
}

void ReadResume(const std::string& token) {
  const auto place = ParseToken(token);
  if (place.ok() && ToToken(*place) != token) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string token(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] % 2 == 0) {
    ReadPage(token);
  } else {
    ReadResume(token);
  }
  return 0;
}

}  // namespace farpoll::server
