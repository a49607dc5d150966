#include "selector/events.h"

#include "absl/strings/str_cat.h"

namespace farpoll {
namespace {

struct Name {
  Events bit;
  const char* name;
};

constexpr Name kNames[] = {
    {kIn, "IN"},
    {kPriority, "PRI"},
    {kOut, "OUT"},
    {kError, "ERR"},
    {kHangup, "HUP"},
    {kInvalid, "NVAL"},
    {kReadNormal, "RDNORM"},
    {kReadBand, "RDBAND"},
    {kWriteNormal, "WRNORM"},
    {kWriteBand, "WRBAND"},
    {kMessage, "MSG"},
    {kReadHangup, "RDHUP"},
};

}  // namespace

std::string EventsToString(Events events) {
  std::string text;
  unsigned rest = events;
  for (const Name& name : kNames) {
    if ((rest & name.bit) != 0) {
      absl::StrAppend(&text, text.empty() ? "" : "|", name.name);
      rest &= ~unsigned{name.bit};
    }
  }
  if (rest != 0) {
    absl::StrAppend(&text, text.empty() ? "" : "|", "0x", absl::Hex(rest));
  }
  return text.empty() ? "0" : text;
}

}  // namespace farpoll
