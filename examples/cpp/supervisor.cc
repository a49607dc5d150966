// Keeps commands running on another machine: passes on what they print, starts
// each again when it ends, ever later while it keeps failing, and ends them all
// on SIGTERM.
//   supervisor ADDRESS COMMAND...    each COMMAND is the shell's
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "examples/cpp/until_signal.h"

namespace {

constexpr std::int32_t kReadBytes = 16 << 10;
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(10);
// One that ran for so long did not fail at its start.
constexpr absl::Duration kLongRun = absl::Seconds(10);

struct Job {
  std::string command;
  int number = 0;
  absl::optional<farpoll::Child> child;
  bool has_ended = false;                 // and its output is being drained
  absl::optional<farpoll::Handle> timer;  // until its next start
  absl::Time started;
  absl::Duration pause = kFirstPause;
};

void Say(const Job& job, const std::string& text) {
  std::printf("[%d] %s\n", job.number, text.c_str());
  std::fflush(stdout);
}

class Supervisor {
 public:
  Supervisor(farpoll::Session& session, farpoll::Selector selector,
             const std::vector<std::string>& commands)
      : session_(session), selector_(std::move(selector)) {
    for (const std::string& command : commands) {
      jobs_.push_back(std::make_unique<Job>(
          Job{command, static_cast<int>(jobs_.size()) + 1}));
    }
  }

  absl::Status Run(farpoll::EventStream& events) {
    for (const auto& job : jobs_) {
      if (const absl::Status started = Start(*job); !started.ok()) {
        return started;
      }
    }
    for (const farpoll::client::Event& event : events) {
      if (const absl::Status done = On(*jobs_[event.cookie], event);
          !done.ok()) {
        return done;
      }
    }
    return events.status();
  }

 private:
  // Every registration's cookie is its job's place.
  absl::Status Register(const Job& job, const farpoll::Handle& handle,
                        std::int32_t read_bytes) {
    return selector_
        .Register(handle, farpoll::kIn, farpoll::Trigger::kLevel,
                  static_cast<std::uint64_t>(job.number - 1), read_bytes)
        .status();
  }

  absl::Status Start(Job& job) {
    job.timer.reset();
    farpoll::v1::SpawnRequest request;
    for (const char* const word : {"/bin/sh", "-c"}) {
      request.add_argv(word);
    }
    request.add_argv(job.command);
    request.set_input(farpoll::v1::STDIO_NULL);
    request.set_errors(farpoll::v1::STDIO_STDOUT);
    absl::StatusOr<farpoll::Child> child = session_.Spawn(request);
    if (!child.ok()) {
      return child.status();
    }
    job.child = *std::move(child);
    job.started = absl::Now();
    const absl::Status registered = Register(job, job.child->process, 0);
    return registered.ok() ? Register(job, *job.child->end("out"), kReadBytes)
                           : registered;
  }

  absl::Status On(Job& job, const farpoll::client::Event& event) {
    if (job.timer.has_value() && event.handle_id == job.timer->id()) {
      return Start(job);
    }
    if (!job.child.has_value()) {
      return absl::OkStatus();
    }
    if (event.handle_id == job.child->process.id()) {
      if (std::exchange(job.has_ended, true)) {
        return OnExit(job, *event.exit);
      }
      // Bytes may be on the way still. The end is told again in the next
      // result, which comes when this one is dealt with.
      (void)selector_.Unregister(*job.child->end("out"));
      return absl::OkStatus();
    }
    if (event.data.has_value()) {
      std::fwrite(event.data->data.data(), 1, event.data->data.size(), stdout);
      std::fflush(stdout);
      if (event.data->end_of_file) {
        return selector_.Unregister(*job.child->end("out"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status OnExit(Job& job, const farpoll::ExitStatus& exit) {
    // What it said last is in the pipe.
    for (;;) {
      const absl::StatusOr<farpoll::ReadResult> rest =
          job.child->end("out")->Read();
      if (!rest.ok() || rest->end_of_file || rest->would_block) {
        break;
      }
      std::fwrite(rest->data.data(), 1, rest->data.size(), stdout);
    }
    const bool ran_long = absl::Now() - job.started > kLongRun;
    const absl::Duration pause =
        ran_long
            ? kFirstPause
            : std::exchange(job.pause, std::min(job.pause * 2, kLongestPause));
    job.pause = ran_long ? kFirstPause * 2 : job.pause;
    Say(job, absl::StrCat(exit.signal == 0 ? "exit " : "signal ",
                          exit.signal == 0 ? exit.code : exit.signal,
                          ", again in ", absl::FormatDuration(pause)));
    job.child.reset();
    job.has_ended = false;
    farpoll::v1::CreateTimerRequest request;
    request.mutable_after()->set_seconds(absl::ToInt64Seconds(pause));
    request.mutable_after()->set_nanos(static_cast<std::int32_t>(
        absl::ToInt64Nanoseconds(pause % absl::Seconds(1))));
    absl::StatusOr<farpoll::Handle> timer = session_.CreateTimer(request);
    if (!timer.ok()) {
      return timer.status();
    }
    job.timer = *std::move(timer);
    return Register(job, *job.timer, 0);
  }

  farpoll::Session& session_;
  farpoll::Selector selector_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

// The children end with their session: SIGTERM, and SIGKILL after their grace.
absl::Status Run(UntilSignal& until, const std::string& address,
                 const std::vector<std::string>& commands) {
  absl::StatusOr<farpoll::Client> client = farpoll::Client::Connect(address);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<farpoll::Session> session = client->CreateSession();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<farpoll::Selector> selector =
      session->CreateSelector(farpoll::v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  absl::StatusOr<farpoll::EventStream> events = selector->WaitFor();
  if (!events.ok()) {
    return events.status();
  }
  until.Call([&events] { events->Cancel(); });
  return Supervisor(*session, *std::move(selector), commands).Run(*events);
}

}  // namespace

int main(int argc, char** argv) {
  UntilSignal until;
  if (argc < 3) {
    std::fprintf(stderr, "usage: supervisor ADDRESS COMMAND...\n");
    return 2;
  }
  const absl::Status status = Run(until, argv[1], {argv + 2, argv + argc});
  if (!absl::IsCancelled(status)) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
