#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/failure.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string handle;
  std::string size;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const std::vector<std::string> parts = absl::StrSplit(arguments.size, 'x');
  std::int32_t columns = 0;
  std::int32_t rows = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &columns) ||
      !absl::SimpleAtoi(parts[1], &rows)) {
    return UsageError(absl::StrCat("'", arguments.size,
                                   "' is not COLUMNSxROWS, such as 80x24"));
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  return (*session)->AttachHandle(arguments.handle).Resize(rows, columns);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("HANDLE", arguments->handle, "a terminal, by name or id")
      .Type("HANDLE")
      .Required();
  command.Add("SIZE", arguments->size, "COLUMNSxROWS").Required();
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb ResizeVerb() {
  return {"resize",
          groups::kUse,
          "sets the size of a terminal",
          R"(  farpoll resize shell.pty 120x40
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
