#include "client/cli/signals.h"

#include <signal.h>
#include <string.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"

namespace farpoll::cli {

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name == nullptr ? absl::StrCat("signal ", signal)
                         : absl::StrCat("SIG", name);
}

absl::StatusOr<int> ParseSignal(absl::string_view text) {
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 0 && number <= SIGRTMAX) {
    return number;
  }
  const std::string word = absl::AsciiStrToUpper(text);
  const absl::string_view name = absl::StripPrefix(word, "SIG");
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* const known = sigabbrev_np(signal);
    if (known != nullptr && name == known) {
      return signal;
    }
  }
  return UsageError(absl::StrCat("there is no signal '", text,
                                 "'; give a name such as TERM, or a number"));
}

}  // namespace farpoll::cli
