// tests/fuzz/spec_fuzz.cc: room: tests. What people type: the little languages
// of the command line, and addresses. Any text is taken or refused with a
// reason. A position reads the same once it is written back, and a kevent can
// be shown.
//
// An input is a byte that chooses the language, and the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/socket_address.h"
#include "client/cli/kevent_spec.h"
#include "client/cli/path_events.h"
#include "client/cli/signals.h"
#include "client/cli/spec.h"
#include "server/accept/address.h"
#include "server/policy/ip_range.h"

namespace farpoll {
namespace {

void Check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void CheckPosition(absl::string_view text) {
  const auto position = cli::ParsePosition(text);
  if (!position.ok()) {
    return;
  }
  const std::string written = cli::FormatPosition(*position);
  const auto again = cli::ParsePosition(written);
  Check(again.ok() && cli::FormatPosition(*again) == written);
}

void CheckKevent(absl::string_view text) {
  cli::IdentNames names;
  const auto kevent = cli::ParseKevent(text, &names);
  if (kevent.ok()) {
    Check(cli::KeventCells(*kevent, names).size() ==
          cli::KeventHeaders().size());
    Check(!cli::ToLine(cli::KeventJson(*kevent, names)).empty());
  }
}

// Refusals have a sentence for people.
template <class Result>
void CheckRefusal(const Result& result) {
  Check(result.ok() || !result.status().message().empty());
}

void Read(std::uint8_t language, absl::string_view text) {
  switch (language % 12) {
    case 0:
      CheckRefusal(cli::ParseSpec(text));
      break;
    case 1:
      CheckRefusal(cli::ParseBits(text));
      break;
    case 2:
      CheckRefusal(cli::ParseSelectSpec(text));
      break;
    case 3:
      CheckRefusal(cli::ParseTimeout(text));
      break;
    case 4:
      CheckRefusal(cli::ParseSpan(text));
      break;
    case 5:
      CheckPosition(text);
      break;
    case 6:
      CheckKevent(text);
      break;
    case 7:
      CheckRefusal(cli::ParsePathEvents(text));
      break;
    case 8:
      CheckRefusal(cli::ParseSignal(text));
      break;
    case 9:
      CheckRefusal(SocketAddress::Parse(text, "address"));
      break;
    case 10:
      CheckRefusal(server::ParseIpRange(text));
      break;
    default:
      CheckRefusal(server::ParseAddress(text));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  if (size > 0) {
    Read(bytes[0],
         absl::string_view(reinterpret_cast<const char*>(bytes) + 1, size - 1));
  }
  return 0;
}

}  // namespace farpoll
