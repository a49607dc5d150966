#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/follow.h"
#include "client/cli/path_events.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string handle;
  std::int32_t max_bytes = 0;
  bool follow = false;
  bool raw = false;
  bool peek = false;
  bool urgent = false;

  // One Read, whatever is left after it.
  bool once() const { return max_bytes > 0 || peek || urgent; }
};

constexpr std::int32_t kChunkBytes = 64 << 10;
// Results on the way at once: what hides the way there and back.
constexpr std::int32_t kCredits = 8;

bool IsText(absl::string_view bytes) {
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    if ((code < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') ||
        code == 0x7f) {
      return false;
    }
  }
  return true;
}

// What a timer, a counter or a watch gave, a line each.
std::string CountedText(const ReadResult& result) {
  if (result.path_events.empty()) {
    return absl::StrCat(result.count, "\n");
  }
  std::string lines;
  for (const v1::PathEvent& event : result.path_events) {
    absl::StrAppend(&lines, PathEventText(event), "\n");
  }
  return lines;
}

absl::Status Show(Runtime& run, const Arguments& arguments,
                  const ReadResult& result) {
  if (!run.out().is_table()) {
    v1::ReadResponse response;
    response.set_data(result.data);
    response.set_truncated(result.truncated);
    response.set_source(result.source);
    response.set_count(result.count);
    *response.mutable_path_events() = {result.path_events.begin(),
                                       result.path_events.end()};
    *response.mutable_readiness() = result.readiness;
    response.set_outcome(result.end_of_file   ? v1::READ_OUTCOME_END_OF_FILE
                         : result.would_block ? v1::READ_OUTCOME_WOULD_BLOCK
                                              : v1::READ_OUTCOME_DATA);
    return run.out().Object(ToJson(response), {});
  }
  if (!result.path_events.empty() || result.count > 0) {
    return run.out().Raw(CountedText(result));
  }
  if (!result.source.empty()) {
    run.out().Note(absl::StrCat("from ", result.source));
  }
  if (!arguments.raw && ::isatty(STDOUT_FILENO) == 1 && !IsText(result.data)) {
    return LocalError(
        absl::StrCat("took ", result.data.size(),
                     " bytes that a terminal would not show as they are"),
        "send them to a file or a pipe, or add --raw");
  }
  return run.out().Raw(result.data);
}

// What an event brought, as a Read would have it.
ReadResult PieceOf(const client::Event& event) {
  ReadResult piece;
  piece.data = event.data->data;
  piece.end_of_file = event.data->end_of_file;
  piece.truncated = event.data->truncated;
  piece.source = event.data->source;
  piece.readiness.set_generation(event.readiness_generation);
  return piece;
}

// Takes what is there: once with -n, else until nothing is left. Tells whether
// the end of file was met.
absl::StatusOr<bool> Drain(Runtime& run, const Arguments& arguments,
                           Handle& handle, bool* took_any) {
  for (;;) {
    const absl::StatusOr<ReadResult> result = handle.Read(
        ReadOptions{.max_bytes = arguments.max_bytes > 0 ? arguments.max_bytes
                                                         : kChunkBytes,
                    .peek = arguments.peek,
                    .out_of_band = arguments.urgent});
    if (!result.ok()) {
      return result.status();
    }
    if (result->would_block) {
      return false;
    }
    if (!result->end_of_file || !run.out().is_table()) {
      const absl::Status shown = Show(run, arguments, *result);
      if (!shown.ok()) {
        return shown;
      }
    }
    if (result->end_of_file) {
      return true;
    }
    *took_any = true;
    // One JSON document a command, and one count of a semaphore.
    if (!arguments.follow && (arguments.once() || result->count > 0 ||
                              run.out().format() == Format::kJson)) {
      return false;
    }
  }
}

// Shows what events bring until the end of file. What was not shown when it is
// interrupted stays to be read.
absl::Status FollowEvents(Runtime& run, const Arguments& arguments,
                          Selector& selector, Handle& handle) {
  WaitOptions options;
  options.timeout = run.timeout_or(Timeout::Forever());
  options.credits = kCredits;
  absl::StatusOr<EventStream> stream = selector.WaitFor(options);
  if (!stream.ok()) {
    return stream.status();
  }
  std::int64_t reconnects = 0;
  while (const WaitResult* const result = stream->Next()) {
    NoteReconnects(run, *stream, &reconnects);
    if (result->events.empty()) {
      return Quietly(kExitTimeout);
    }
    for (const client::Event& event : result->events) {
      if (!event.data.has_value()) {
        return handle.Describe().status();  // somebody closed it
      }
      if (!event.data->error.ok()) {
        return event.data->error;
      }
      const ReadResult piece = PieceOf(event);
      if (!piece.end_of_file || !run.out().is_table()) {
        const absl::Status shown = Show(run, arguments, piece);
        if (!shown.ok()) {
          return shown;
        }
      }
      if (piece.end_of_file) {
        return absl::OkStatus();
      }
    }
  }
  return stream->status();
}

// Reads until the end of file, waiting for readiness in between.
absl::Status FollowReads(Runtime& run, const Arguments& arguments,
                         Selector& selector, Handle& handle) {
  const absl::Status registered = selector.Register(handle, kIn).status();
  if (!registered.ok()) {
    return registered;
  }
  for (;;) {
    bool took_any = false;
    const absl::StatusOr<bool> ended = Drain(run, arguments, handle, &took_any);
    if (!ended.ok()) {
      return ended.status();
    }
    if (*ended) {
      return absl::OkStatus();
    }
    const auto ready = selector.Poll(run.timeout_or(Timeout::Forever()));
    if (!ready.ok()) {
      return ready.status();
    }
    if (ready->empty()) {
      return Quietly(kExitTimeout);
    }
  }
}

absl::Status Follow(Runtime& run, const Arguments& arguments, Session& session,
                    Handle& handle) {
  absl::StatusOr<Selector> selector =
      session.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  const std::int32_t bytes = arguments.max_bytes > 0
                                 ? std::min(arguments.max_bytes, kChunkBytes)
                                 : kChunkBytes;
  const absl::Status registered =
      selector->Register(handle, kIn, Trigger::kLevel, 0, bytes).status();
  // What is not read as bytes, or by a server with a smaller limit, is read
  // piece by piece.
  if (absl::IsInvalidArgument(registered)) {
    return FollowReads(run, arguments, *selector, handle);
  }
  return registered.ok() ? FollowEvents(run, arguments, *selector, handle)
                         : registered;
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (arguments.follow && run.out().format() == Format::kJson) {
    return UsageError("--follow has no single document: use -o jsonl");
  }
  if (arguments.follow && (arguments.peek || arguments.urgent)) {
    return UsageError("--follow takes a stream: no --peek, no --urgent");
  }
  const absl::StatusOr<Session*> session =
      arguments.follow ? run.session_for_waiting() : run.session();
  if (!session.ok()) {
    return session.status();
  }
  Handle handle = (*session)->AttachHandle(arguments.handle);
  if (arguments.follow) {
    return Follow(run, arguments, **session, handle);
  }
  bool took_any = false;
  const absl::StatusOr<bool> ended = Drain(run, arguments, handle, &took_any);
  if (!ended.ok()) {
    return ended.status();
  }
  if (!*ended && !took_any) {
    return WouldBlockError(
        absl::StrCat("nothing to read from ", arguments.handle, " now"),
        absl::StrCat("farpoll wait ", arguments.handle, ":r"));
  }
  if (*ended && !took_any) {
    run.out().Note(absl::StrCat(arguments.handle, ": end of file"));
  }
  return absl::OkStatus();
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("HANDLE", arguments->handle, "what to read, by name or id")
      .Type("HANDLE")
      .Required();
  command.Add("-n", arguments->max_bytes, "take this many bytes at most")
      .Positive()
      .Type("BYTES");
  command.AddFlag("--follow", arguments->follow,
                  "go on until the end of file, waiting for readiness");
  command.AddFlag("--peek", arguments->peek, "look, and take nothing");
  command.AddFlag("--urgent", arguments->urgent,
                  "take the urgent byte of a stream socket");
  command.AddFlag("--raw", arguments->raw, "show any bytes on a terminal");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb ReadVerb() {
  return {"read",
          groups::kUse,
          "takes what is there to read",
          R"(  farpoll read in
  farpoll read in -n 16
  farpoll read in --follow > all.log
)",
          "Never blocks without --follow: nothing there exits 3. An end of "
          "file exits 0 with a note on stderr. Of a timer: how often it has "
          "expired. Of a counter: what was taken. Of a watch: what happened.",
          &Declare};
}

}  // namespace farpoll::cli
