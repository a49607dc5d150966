#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/errno_status.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/observe_arguments.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"
#include "client/cli/watch_summary.h"
#include "client/observe_stream.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  ObserveArguments which;
  std::string ready;
  std::string since;
  std::int64_t count = 0;
  bool state = false;
  bool summary = false;
};

std::string ChangeName(v1::ObservedChange change) {
  return ShortName(v1::ObservedChange_Name(change), "OBSERVED_CHANGE_");
}

std::string ReadyLetters(const v1::ObservedHandle& handle) {
  return handle.has_exit() ? "X" : Letters(static_cast<Events>(handle.ready()));
}

// "+R -W, 5 B read, exit 0": what is new of a handle.
std::string ChangeText(const v1::ObservedHandle& handle) {
  std::vector<std::string> bits;
  const auto up = static_cast<Events>(handle.ready_changed() & handle.ready());
  const auto down =
      static_cast<Events>(handle.ready_changed() & ~handle.ready());
  if (handle.change() != v1::OBSERVED_CHANGE_CHANGED) {
    bits.push_back(ChangeName(handle.change()));
  }
  if (up != 0) {
    bits.push_back(absl::StrCat("+", Letters(up)));
  }
  if (down != 0) {
    bits.push_back(absl::StrCat("-", Letters(down)));
  }
  std::vector<std::string> parts;
  if (!bits.empty()) {
    parts.push_back(absl::StrJoin(bits, " "));
  }
  if (handle.bytes_read() != 0) {
    parts.push_back(absl::StrCat(handle.bytes_read(), " B read"));
  }
  if (handle.bytes_written() != 0) {
    parts.push_back(absl::StrCat(handle.bytes_written(), " B written"));
  }
  if (handle.has_exit()) {
    parts.push_back(ExitText(client::ExitFromProto(handle.exit())));
  }
  return absl::StrJoin(parts, ", ");
}

Json ObservedJson(const v1::ObservedHandle& handle, absl::Time at) {
  Json json;
  json["handle"] = NameOrId(handle.name(), handle.handle_id());
  json["handleId"] = absl::StrCat(handle.handle_id());
  json["kind"] = KindName(handle.kind());
  json["change"] = ChangeName(handle.change());
  json["ready"] = Words(static_cast<Events>(handle.ready()));
  json["readyChanged"] = Words(static_cast<Events>(handle.ready_changed()));
  json["registrations"] = handle.registrations();
  json["registeredEvents"] =
      Words(static_cast<Events>(handle.registered_events()));
  json["bytesRead"] = absl::StrCat(handle.bytes_read());
  json["bytesWritten"] = absl::StrCat(handle.bytes_written());
  if (handle.has_exit()) {
    json["exit"] = ExitJson(client::ExitFromProto(handle.exit()));
  }
  json["at"] = TimeStamp(at);
  return json;
}

absl::StatusOr<v1::ObserveRequest> RequestIn(const Arguments& arguments) {
  absl::StatusOr<v1::ObserveRequest> request =
      ToObserveRequest(arguments.which);
  if (!request.ok()) {
    return request;
  }
  if (!arguments.ready.empty()) {
    const absl::StatusOr<Events> bits = ParseBits(arguments.ready);
    if (!bits.ok()) {
      return bits.status();
    }
    request->set_ready_bits(*bits);
  }
  request->set_resume_token(arguments.since);
  return request;
}

// One watch: what it has shown so far, and what it says at the end.
class Watch {
 public:
  Watch(Runtime& run, const Arguments& arguments)
      : run_(run),
        arguments_(arguments),
        in_snapshot_(arguments.since.empty()),
        // Lines of changes on a terminal are progress enough.
        with_progress_(arguments.summary || ::isatty(STDOUT_FILENO) != 1) {}

  absl::Status Run(ObserveStream& stream) {
    while (const v1::ObserveResponse* const response = stream.Next()) {
      const absl::Time now = absl::Now();
      for (const v1::ObservedHandle& handle : response->handles()) {
        summary_.Add(handle);
        const absl::Status shown = Show(handle, now);
        if (!shown.ok() || over()) {
          return Finish(shown);
        }
      }
      in_snapshot_ = in_snapshot_ && response->token().empty();
      if (with_progress_) {
        run_.out().Progress(summary_.Counts());
      }
    }
    return Finish(End(stream));
  }

 private:
  bool over() const {
    return arguments_.count != 0 &&
           (arguments_.summary ? summary_.changes() : shown_) ==
               arguments_.count;
  }

  absl::Status Show(const v1::ObservedHandle& handle, absl::Time now) {
    const bool is_of_snapshot =
        in_snapshot_ && handle.change() == v1::OBSERVED_CHANGE_PRESENT;
    if (arguments_.summary || (is_of_snapshot && !arguments_.state)) {
      return absl::OkStatus();
    }
    ++shown_;
    return run_.out().Row(
        ObservedJson(handle, now), {"TIME", "HANDLE", "READY", "CHANGE"},
        {TimeOfDay(now), NameOrId(handle.name(), handle.handle_id()),
         ReadyLetters(handle), ChangeText(handle)});
  }

  // Why the stream ended; of an interrupt, how to go on.
  absl::Status End(const ObserveStream& stream) const {
    const int signal = run_.interrupt().signal();
    if (signal == 0) {
      return DetailOf(stream.status()).reason == "SNAPSHOT_REQUIRED"
                 ? WithHint(stream.status(), "watch again without --since")
                 : stream.status();
    }
    if (with_progress_) {
      run_.out().Progress("");
    }
    const std::int64_t count = arguments_.summary ? summary_.changes() : shown_;
    std::string said = absl::StrCat("interrupted after ", count,
                                    count == 1 ? " change" : " changes");
    if (!stream.token().empty()) {
      absl::StrAppend(&said, "; go on with --since ", stream.token());
    }
    run_.out().Note(said);
    return Quietly(kExitSignalBase + signal);
  }

  absl::Status Finish(absl::Status why) const {
    if (with_progress_) {
      run_.out().Progress("");
    }
    if (arguments_.summary) {
      const absl::Status written =
          run_.out().List("handles", summary_.ToJson(), summary_.ToTable());
      return written.ok() ? why : written;
    }
    return why;
  }

  Runtime& run_;
  const Arguments& arguments_;
  bool in_snapshot_;
  const bool with_progress_;
  WatchSummary summary_;
  std::int64_t shown_ = 0;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (run.out().format() == Format::kJson && !arguments.summary) {
    return UsageError("watch has no single document: use -o jsonl");
  }
  const absl::StatusOr<v1::ObserveRequest> request = RequestIn(arguments);
  if (!request.ok()) {
    return request.status();
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  ObserveStream stream = (*session)->Observe(*request);
  return Watch(run, arguments).Run(stream);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  AddObserveArguments(command, arguments->which);
  command
      .Add("--ready", arguments->ready,
           "of changes only those of these bits, beside handles made, closed "
           "and ended")
      .Type("BITS");
  command
      .Add("--since", arguments->since,
           "what changed since an interrupted watch")
      .Type("TOKEN");
  command.Add("--count", arguments->count, "end after this many lines")
      .Positive()
      .Type("N");
  command.AddFlag("--state", arguments->state,
                  "show first what is there already");
  command.AddFlag("--summary", arguments->summary,
                  "no lines, but at the end what each handle did in all");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb WatchVerb() {
  return {"watch",
          groups::kWait,
          "shows handles as they change, and takes no event from anybody",
          R"(  farpoll watch
  farpoll watch 'build.*' --state
  farpoll watch --kind process,pipe-reader --ready r
  farpoll watch -o jsonl --count 10
  farpoll watch --summary
)",
          "READY: as in list. CHANGE: +R went up, -R went down, perhaps after "
          "it had come up; byte\ncounts are of all Reads and Writes.\n"
          "The server samples: what comes and goes between two samples is not "
          "shown.",
          &Declare};
}

}  // namespace farpoll::cli
