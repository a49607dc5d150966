#include "client/cli/path_events.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

// Beyond this bit the kernel only reports.
constexpr int kLastAsked = v1::PATH_EVENT_BIT_MOVED_SELF;

std::string WordOf(const google::protobuf::EnumValueDescriptor& value) {
  return ShortName(value.name(), "PATH_EVENT_BIT_");
}

// The words of `bits`, in order.
std::vector<std::string> WordsOf(std::int32_t bits) {
  const google::protobuf::EnumDescriptor& type = *v1::PathEventBit_descriptor();
  std::vector<std::string> words;
  for (int i = 0; i < type.value_count(); ++i) {
    if ((type.value(i)->number() & bits) != 0) {
      words.push_back(WordOf(*type.value(i)));
    }
  }
  return words;
}

}  // namespace

std::vector<std::string> PathEventChoices() {
  return WordsOf(2 * kLastAsked - 1);
}

absl::StatusOr<std::int32_t> ParsePathEvents(absl::string_view text) {
  const std::vector<std::string> choices = PathEventChoices();
  std::int32_t bits = 0;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    const auto it = std::find(choices.begin(), choices.end(), word);
    if (it == choices.end()) {
      return UsageError(absl::StrCat("--events: ", word, " is none of ",
                                     absl::StrJoin(choices, ", ")));
    }
    bits |= 1 << (it - choices.begin());
  }
  return bits;
}

std::string PathEventText(const v1::PathEvent& event) {
  const std::string words = absl::StrJoin(WordsOf(event.events()), ",");
  return event.name().empty() ? words : absl::StrCat(words, " ", event.name());
}

}  // namespace farpoll::cli
