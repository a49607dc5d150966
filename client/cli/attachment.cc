#include "client/cli/attachment.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <memory>
#include <utility>

#include "client/cli/failure.h"
#include "client/cli/output.h"
#include "client/cli/spawn_options.h"

namespace farpoll::cli {
namespace {

// Results on the way at once: what hides the way there and back.
constexpr std::int32_t kCredits = 8;
// Of a child that has ended, more than its pipes or its terminal hold: its own
// children may go on writing for ever.
constexpr int kLastResults = 64;

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
    registered.Update(selector
                          ->Register(*outlets_[i].handle, kIn, Trigger::kLevel,
                                     i + 1, options_.event_bytes)
                          .status());
  }
  if (!registered.ok()) {
    return registered;
  }
  absl::StatusOr<EventStream> stream = selector->Wait({.credits = kCredits});
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
  absl::optional<ExitStatus> exit;
  for (int last_results = 0; last_results < kLastResults;) {
    const WaitResult* const result = stream.Next();
    if (result == nullptr) {
      if (feeder != nullptr && feeder->detached()) {
        return absl::optional<ExitStatus>();
      }
      return stream.status();
    }
    absl::optional<ExitStatus> told;
    const absl::StatusOr<std::vector<const Outlet*>> ended =
        PassOn(*result, &told);
    if (!ended.ok()) {
      return ended.status();
    }
    // A result that tells of the end and nothing else is a look at all of its
    // ends that found nothing left in them.
    if (told.has_value() && (result->events.size() == 1 || !any_open())) {
      return told;
    }
    for (const Outlet* const outlet : *ended) {
      const absl::Status left = selector.Unregister(*outlet->handle);
      if (!left.ok()) {
        return left;
      }
    }
    exit = told.has_value() ? told : exit;
    last_results += exit.has_value() ? 1 : 0;
  }
  return exit;
}

absl::StatusOr<std::vector<const Attachment::Outlet*>> Attachment::PassOn(
    const WaitResult& result, absl::optional<ExitStatus>* exit) {
  std::vector<const Outlet*> ended;
  for (const client::Event& event : result.events) {
    if (event.cookie == kProcess) {
      if (!event.exit.has_value()) {
        return LocalError("somebody closed the process's handle");
      }
      *exit = event.exit;
      continue;
    }
    Outlet& outlet = outlets_[event.cookie - 1];
    if (!event.data.has_value()) {
      return LocalError("somebody closed one of the process's ends");
    }
    absl::Status passed = event.data->error;
    passed.Update(WriteAll(outlet.fd, event.data->data));
    if (!passed.ok()) {
      return passed;
    }
    if (event.data->end_of_file && std::exchange(outlet.open, false)) {
      ended.push_back(&outlet);
    }
  }
  return ended;
}

bool Attachment::any_open() const {
  return std::any_of(outlets_.begin(), outlets_.end(),
                     [](const Outlet& outlet) { return outlet.open; });
}

}  // namespace farpoll::cli
