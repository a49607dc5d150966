#include "client/cli/spec.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

struct Bit {
  Events events;
  absl::string_view poll_name;
  absl::string_view word;
  char letter;
};
// In the order in which letters and words are shown.
constexpr Bit kBits[] = {
    {kIn, "IN", "READ", 'R'},
    {kReadNormal, "RDNORM", "READ_NORMAL", 'R'},
    {kReadBand, "RDBAND", "READ_BAND", 'R'},
    {kOut, "OUT", "WRITE", 'W'},
    {kWriteNormal, "WRNORM", "WRITE_NORMAL", 'W'},
    {kWriteBand, "WRBAND", "WRITE_BAND", 'W'},
    {kPriority, "PRI", "PRIORITY", 'P'},
    {kError, "ERR", "ERROR", 'E'},
    {kHangup, "HUP", "HANGUP", 'H'},
    {kReadHangup, "RDHUP", "READ_HANGUP", 'C'},
    {kInvalid, "NVAL", "INVALID", 'N'},
};

absl::optional<Events> EventsFromLetters(absl::string_view text) {
  Events events = 0;
  for (const char letter : text) {
    switch (letter) {
      case 'r':
      case 'x':  // the end of a process
        events |= kIn;
        break;
      case 'w':
        events |= kOut;
        break;
      case 'p':
        events |= kPriority;
        break;
      case 'e':
        events |= kError;
        break;
      case 'h':
        events |= kHangup;
        break;
      default:
        return absl::nullopt;
    }
  }
  return text.empty() ? absl::optional<Events>() : events;
}

absl::optional<Events> EventsFromNames(absl::string_view text) {
  Events events = 0;
  for (const absl::string_view name : absl::StrSplit(text, '|')) {
    const auto* bit =
        std::find_if(std::begin(kBits), std::end(kBits),
                     [&](const Bit& known) { return known.poll_name == name; });
    if (bit == std::end(kBits)) {
      return absl::nullopt;
    }
    events |= bit->events;
  }
  return events;
}

// `place` says where they stand.
absl::StatusOr<Events> BitsIn(absl::string_view text, absl::string_view place) {
  absl::optional<Events> events = EventsFromLetters(text);
  if (!events.has_value()) {
    events = EventsFromNames(text);
  }
  if (!events.has_value()) {
    return UsageError(absl::StrCat(
        place,
        " is neither letters of r, w, p, h, e, x nor names such as IN|RDHUP"));
  }
  return *events;
}

absl::optional<Trigger> TriggerFromName(absl::string_view name) {
  if (name == "level") {
    return Trigger::kLevel;
  }
  if (name == "edge") {
    return Trigger::kEdge;
  }
  if (name == "oneshot") {
    return Trigger::kOneShot;
  }
  return absl::nullopt;
}

// Insertions, deletions, changes and swaps of neighbours between two words.
std::size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<std::size_t>> least(
      a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      std::size_t& here = least[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      here = std::min({least[i - 1][j] + 1, least[i][j - 1] + 1,
                       least[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) {
        here = std::min(here, least[i - 2][j - 2] + 1);
      }
    }
  }
  return least[a.size()][b.size()];
}

}  // namespace

absl::StatusOr<Spec> ParseSpec(absl::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0) {
    return UsageError(absl::StrCat("'", text, "' is not HANDLE:BITS"));
  }
  Spec spec;
  spec.handle = std::string(text.substr(0, colon));
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text.substr(colon + 1), ',');
  const absl::StatusOr<Events> events =
      BitsIn(parts[0], absl::StrCat("'", parts[0], "' in '", text, "'"));
  if (!events.ok()) {
    return events.status();
  }
  spec.events = *events;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const absl::optional<Trigger> trigger = TriggerFromName(parts[i]);
    if (!trigger.has_value()) {
      return UsageError(absl::StrCat("'", parts[i], "' in '", text,
                                     "' is none of level, edge, oneshot"));
    }
    if (spec.trigger.has_value()) {
      return UsageError(
          absl::StrCat("'", text, "' names more than one trigger"));
    }
    spec.trigger = trigger;
  }
  return spec;
}

absl::StatusOr<Events> ParseBits(absl::string_view text) {
  return BitsIn(text, absl::StrCat("'", text, "'"));
}

absl::StatusOr<SelectSpec> ParseSelectSpec(absl::string_view text) {
  SelectSpec sets;
  for (const absl::string_view part :
       absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    std::vector<std::string>* set = nullptr;
    if (part.size() > 2 && part[1] == '=') {
      set = part[0] == 'r'   ? &sets.read
            : part[0] == 'w' ? &sets.write
            : part[0] == 'x' ? &sets.except
                             : nullptr;
    }
    if (set == nullptr) {
      return UsageError(absl::StrCat(
          "'", part, "' is not r=HANDLES, w=HANDLES or x=HANDLES"));
    }
    for (const absl::string_view handle :
         absl::StrSplit(part.substr(2), ',', absl::SkipEmpty())) {
      set->push_back(std::string(handle));
    }
  }
  return sets;
}

absl::StatusOr<Timeout> ParseTimeout(absl::string_view text) {
  absl::Duration span;
  if (!absl::ParseDuration(text, &span) || span < absl::ZeroDuration()) {
    return UsageError(absl::StrCat(
        "'", text, "' is not a duration such as 250ms, 5s, 2m, 0 or inf"));
  }
  return span == absl::InfiniteDuration() ? Timeout::Forever() : Timeout(span);
}

absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text) {
  const absl::StatusOr<Timeout> timeout = ParseTimeout(text);
  if (!timeout.ok()) {
    return timeout.status();
  }
  if (timeout->forever() || timeout->span() == absl::ZeroDuration()) {
    return UsageError(absl::StrCat("'", text,
                                   "' is not a duration above zero, such as "
                                   "250ms, 5s or 2m"));
  }
  return timeout->span();
}

std::string FormatSpan(absl::Duration span) {
  if (span == absl::ZeroDuration()) {
    return "-";
  }
  const absl::Duration unit =
      span >= absl::Seconds(10) ? absl::Seconds(1) : absl::Milliseconds(1);
  return span < unit ? "<1ms" : absl::FormatDuration(absl::Trunc(span, unit));
}

absl::StatusOr<WaitPosition> ParsePosition(absl::string_view text) {
  WaitPosition position;
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  if (!absl::SimpleAtoi(halves.first, &position.epoch) ||
      !absl::SimpleAtoi(halves.second, &position.sequence) ||
      position.epoch < 0 || position.sequence < 0) {
    return UsageError(absl::StrCat("'", text, "' is not EPOCH-SEQ"));
  }
  return position;
}

std::string FormatPosition(const WaitPosition& position) {
  return absl::StrCat(position.epoch, "-", position.sequence);
}

std::string Letters(Events events) {
  std::string letters;
  for (const Bit& bit : kBits) {
    if ((events & bit.events) != 0 &&
        letters.find(bit.letter) == letters.npos) {
      letters += bit.letter;
    }
  }
  return letters.empty() ? "-" : letters;
}

std::vector<std::string> Words(Events events) {
  std::vector<std::string> words;
  for (const Bit& bit : kBits) {
    if ((events & bit.events) != 0) {
      words.emplace_back(bit.word);
    }
  }
  return words;
}

std::string Nearest(absl::string_view word,
                    const std::vector<std::string>& candidates) {
  std::string nearest;
  std::size_t least = word.size() < 4 ? 2 : 3;  // farther is another word
  for (const std::string& candidate : candidates) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace farpoll::cli
