// client/cli/attachment.h: room: cli. Stands for a child process of the server:
// what comes in on standard input goes to it, what it says comes out here, and
// signals are passed on. By the public client alone, and by readiness alone:
// where bytes cannot move, a Wait tells when they can.
// Threads: three: the caller's takes what the child says, one feeds it, one
//   passes signals on.
// Source: docs/cli.md, "Moving bytes".
#ifndef FARPOLL_CLIENT_CLI_ATTACHMENT_H_
#define FARPOLL_CLIENT_CLI_ATTACHMENT_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "client/cli/feeder.h"
#include "client/cli/interrupt.h"
#include "client/cli/signal_pipe.h"
#include "client/client.h"

namespace farpoll::cli {

struct AttachmentOptions {
  // The child has a terminal and ours is in raw mode: sizes are passed on, and
  // "~." at the beginning of a line detaches.
  bool terminal = false;
  // Bytes that one Read may ask for, and one Write carry.
  std::int32_t read_bytes = 64 << 10;
  std::int32_t write_bytes = 64 << 10;
};

class Attachment {
 public:
  // Borrows all. `child` has pipes, or one terminal.
  Attachment(Session& session, Child& child, Interrupt& interrupt,
             const AttachmentOptions& options);
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  // Returns when the child has ended and what it had said is out; none when the
  // caller detached.
  //   Errors: of the server; Quietly(128 + SIGPIPE) when nobody reads our
  //     output.
  absl::StatusOr<absl::optional<ExitStatus>> Run();

 private:
  // One of the child's ends that we read, and where its bytes go.
  struct Outlet {
    Handle* handle;
    int fd;
    bool open = true;
  };

  absl::StatusOr<absl::optional<ExitStatus>> Pump(Selector& selector,
                                                  EventStream& stream,
                                                  const Feeder* feeder);
  // Moves what there is, in so many pieces at most; closes the outlet at its
  // end.
  absl::Status Drain(Outlet& outlet, int pieces);
  void PassSignals();

  Session& session_;
  Child& child_;
  Interrupt& interrupt_;
  const AttachmentOptions options_;
  std::vector<Outlet> outlets_;
  SignalPipe signals_;
  std::thread signal_thread_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_ATTACHMENT_H_
