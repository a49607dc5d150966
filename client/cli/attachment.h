// client/cli/attachment.h: room: cli. Stands for a child process of the server:
// what comes in on standard input goes to it, what it says comes out here, and
// signals are passed on. By the public client alone: what the child says comes
// in the events of a Wait, and where bytes cannot go in, a Wait tells when they
// can.
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
  // Bytes that one event may bring, and one Write carry.
  std::int32_t event_bytes = 64 << 10;
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
  // Passes on what the result brought, and notes how the child ended if it
  // says so. Returns the outlets that came to their end.
  absl::StatusOr<std::vector<const Outlet*>> PassOn(
      const WaitResult& result, absl::optional<ExitStatus>* exit);
  bool any_open() const;
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
