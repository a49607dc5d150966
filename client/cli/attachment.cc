#include "client/cli/attachment.h"

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <memory>

#include "client/cli/failure.h"
#include "client/cli/output.h"
#include "client/cli/spawn_options.h"

namespace farpoll::cli {
namespace {

// Pieces in a row from one end, before the others have their turn.
constexpr int kPiecesInTurn = 8;
// Of a child that has ended, more than any pipe or terminal holds: its own
// children may go on writing for ever.
constexpr int kLastPieces = 256;

// Cookies: the process is 0, the outlets follow.
constexpr std::uint64_t kProcess = 0;

}  // namespace

Attachment::Attachment(Session& session, Child& child, Interrupt& interrupt,
                       const AttachmentOptions& options)
    : session_(session),
      child_(child),
      interrupt_(interrupt),
      options_(options),
      signals_({SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH}) {
  for (const auto& [role, fd] : {std::make_pair("pty", STDOUT_FILENO),
                                 std::make_pair("out", STDOUT_FILENO),
                                 std::make_pair("err", STDERR_FILENO)}) {
    if (Handle* const handle = child.end(role)) {
      outlets_.push_back(Outlet{handle, fd});
    }
  }
  interrupt_.Forward([this](int signal) { signals_.Push(signal); });
  signal_thread_ = std::thread([this] { PassSignals(); });
}

Attachment::~Attachment() {
  interrupt_.Forward(nullptr);
  signals_.Stop();
  signal_thread_.join();
}

void Attachment::PassSignals() {
  for (int signal = signals_.Next(); signal != 0; signal = signals_.Next()) {
    if (signal != SIGWINCH) {
      (void)child_.process.Signal(signal, /*group=*/true);
    } else if (Handle* const pty = child_.end("pty")) {
      const v1::TerminalSize size = SizeOfTerminal(STDIN_FILENO);
      (void)pty->Resize(size.rows(), size.columns());
    }
  }
}

absl::StatusOr<absl::optional<ExitStatus>> Attachment::Run() {
  absl::StatusOr<Selector> selector =
      session_.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  absl::Status registered =
      selector->Register(child_.process, kIn, Trigger::kLevel, kProcess)
          .status();
  for (std::size_t i = 0; i < outlets_.size(); ++i) {
    registered.Update(
        selector->Register(*outlets_[i].handle, kIn, Trigger::kLevel, i + 1)
            .status());
  }
  if (!registered.ok()) {
    return registered;
  }
  absl::StatusOr<EventStream> stream = selector->Wait();
  if (!stream.ok()) {
    return stream.status();
  }
  Handle* const input =
      child_.end("pty") != nullptr ? child_.end("pty") : child_.end("in");
  if (input == nullptr) {
    return Pump(*selector, *stream, nullptr);
  }
  Feeder feeder(
      session_, *input,
      {.terminal = options_.terminal, .write_bytes = options_.write_bytes},
      [&stream] { stream->Cancel(); });
  feeder.Start();
  return Pump(*selector, *stream, &feeder);
}

absl::StatusOr<absl::optional<ExitStatus>> Attachment::Pump(
    Selector& selector, EventStream& stream, const Feeder* feeder) {
  for (;;) {
    const WaitResult* const result = stream.Next();
    if (result == nullptr) {
      if (feeder != nullptr && feeder->detached()) {
        return absl::optional<ExitStatus>();
      }
      return stream.status();
    }
    absl::optional<ExitStatus> exit;
    for (const client::Event& event : result->events) {
      if (event.cookie == kProcess) {
        if (!event.exit.has_value()) {
          return LocalError("somebody closed the process's handle");
        }
        exit = event.exit;
        continue;
      }
      Outlet& outlet = outlets_[event.cookie - 1];
      absl::Status moved = Drain(outlet, kPiecesInTurn);
      if (moved.ok() && !outlet.open) {
        moved = selector.Unregister(*outlet.handle);
      }
      if (!moved.ok()) {
        return moved;
      }
    }
    for (std::size_t i = 0; exit.has_value() && i < outlets_.size(); ++i) {
      const absl::Status moved = Drain(outlets_[i], kLastPieces);
      if (!moved.ok()) {
        return moved;
      }
    }
    if (exit.has_value()) {
      return exit;
    }
  }
}

absl::Status Attachment::Drain(Outlet& outlet, int pieces) {
  for (; outlet.open && pieces > 0; --pieces) {
    const absl::StatusOr<ReadResult> piece =
        outlet.handle->Read(options_.read_bytes);
    if (!piece.ok()) {
      return piece.status();
    }
    if (piece->would_block) {
      return absl::OkStatus();
    }
    outlet.open = !piece->end_of_file;
    const absl::Status written = WriteAll(outlet.fd, piece->data);
    if (!written.ok()) {
      return written;
    }
  }
  return absl::OkStatus();
}

}  // namespace farpoll::cli
