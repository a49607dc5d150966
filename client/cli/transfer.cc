#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string from;
  std::string to;
  std::int64_t max_bytes = std::numeric_limits<std::int64_t>::max();
  bool follow = false;
};

constexpr std::int64_t kPieceBytes = 1 << 20;

struct Moved {
  std::int64_t bytes = 0;
  v1::TransferStop stop = v1::TRANSFER_STOP_LIMIT;
};

// Moves what can be moved now.
absl::Status Move(const Arguments& arguments, Handle& from, Handle& to,
                  Moved& moved) {
  while (moved.bytes < arguments.max_bytes) {
    const absl::StatusOr<v1::TransferResponse> response = from.TransferTo(
        to, static_cast<std::int32_t>(
                std::min(kPieceBytes, arguments.max_bytes - moved.bytes)));
    if (!response.ok()) {
      return response.status();
    }
    moved.bytes += response->bytes();
    moved.stop = response->stop();
    // A failure after some bytes comes again, as the error of the next call.
    if (moved.stop != v1::TRANSFER_STOP_LIMIT &&
        moved.stop != v1::TRANSFER_STOP_FAILED) {
      break;
    }
  }
  return absl::OkStatus();
}

// Waits for `handle`; exits 124 when --timeout is over.
absl::Status Await(Runtime& run, Session& session, Handle& handle,
                   Events events) {
  absl::StatusOr<Selector> selector =
      session.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  const absl::Status registered = selector->Register(handle, events).status();
  if (!registered.ok()) {
    return registered;
  }
  const auto ready = selector->Poll(run.timeout_or(Timeout::Forever()));
  if (!ready.ok()) {
    return ready.status();
  }
  return ready->empty() ? Quietly(kExitTimeout) : absl::OkStatus();
}

absl::Status Follow(Runtime& run, const Arguments& arguments, Session& session,
                    Handle& from, Handle& to, Moved& moved) {
  for (;;) {
    const absl::Status status = Move(arguments, from, to, moved);
    if (!status.ok()) {
      return status;
    }
    absl::Status waited;
    if (moved.stop == v1::TRANSFER_STOP_SOURCE_EMPTY) {
      waited = Await(run, session, from, kIn);
    } else if (moved.stop == v1::TRANSFER_STOP_DESTINATION_FULL) {
      waited = Await(run, session, to, kOut);
    } else {
      return absl::OkStatus();
    }
    if (!waited.ok()) {
      return waited;
    }
  }
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session =
      arguments.follow ? run.session_for_waiting() : run.session();
  if (!session.ok()) {
    return session.status();
  }
  Handle from = (*session)->AttachHandle(arguments.from);
  Handle to = (*session)->AttachHandle(arguments.to);
  Moved moved;
  const absl::Status status =
      arguments.follow ? Follow(run, arguments, **session, from, to, moved)
                       : Move(arguments, from, to, moved);
  if (!status.ok()) {
    return status;
  }
  if (moved.bytes == 0 && moved.stop == v1::TRANSFER_STOP_SOURCE_EMPTY) {
    return WouldBlockError(
        absl::StrCat("nothing to read from ", arguments.from, " now"),
        absl::StrCat("farpoll wait ", arguments.from, ":r"));
  }
  if (moved.bytes == 0 && moved.stop == v1::TRANSFER_STOP_DESTINATION_FULL) {
    return WouldBlockError(absl::StrCat("no room in ", arguments.to, " now"),
                           absl::StrCat("farpoll wait ", arguments.to, ":w"));
  }
  const std::string stop =
      ShortName(v1::TransferStop_Name(moved.stop), "TRANSFER_STOP_");
  Json json;
  json["bytes"] = absl::StrCat(moved.bytes);
  json["stop"] = v1::TransferStop_Name(moved.stop);
  return run.out().Object(
      json, {{"BYTES", "STOP"}, {{absl::StrCat(moved.bytes), stop}}});
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("FROM", arguments->from, "what to read, by name or id")
      .Type("HANDLE")
      .Required();
  command.Add("TO", arguments->to, "what to write, by name or id")
      .Type("HANDLE")
      .Required();
  command.Add("-n", arguments->max_bytes, "this many bytes at most")
      .Positive()
      .Type("BYTES");
  command.AddFlag("--follow", arguments->follow,
                  "go on until the end of file, waiting for readiness");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb TransferVerb() {
  return {
      "transfer",
      groups::kUse,
      "moves bytes from one handle to another, within the server",
      R"(  farpoll transfer in out
  farpoll transfer build.out log --follow
)",
      "Never blocks without --follow: when nothing could be moved it exits 3. "
      "What does not fit stays where it was.",
      &Declare};
}

}  // namespace farpoll::cli
