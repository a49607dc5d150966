// client/cli/line_source.h: room: cli. Lines of a descriptor, with a way to end
// a read that blocks.
// Threads: Next() from one, Stop() from any.
#ifndef FARPOLL_CLIENT_CLI_LINE_SOURCE_H_
#define FARPOLL_CLIENT_CLI_LINE_SOURCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"

namespace farpoll::cli {

class LineSource {
 public:
  // Borrows `fd`.
  explicit LineSource(int fd);

  // Blocks for the next line that is not blank, without its newline; nothing at
  // the end of input and after Stop().
  //   Errors: LocalError when the descriptor cannot be read.
  absl::StatusOr<absl::optional<std::string>> Next();

  // Ends the Next() in progress and those to come.
  void Stop();

 private:
  // Reads more into buffer_; false at the end.
  absl::StatusOr<bool> Fill();

  const int fd_;
  UniqueFd stop_;  // eventfd
  std::string buffer_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_LINE_SOURCE_H_
