#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/errno_status.h"
#include "client/cli/attachment.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/raw_terminal.h"
#include "client/cli/spawn_options.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

// As env(1), nohup(1) and others have them.
constexpr int kExitFailed = 125;
constexpr int kExitNotExecutable = 126;
constexpr int kExitNotFound = 127;

// Pieces and pipes as large as servers let them be by default: what moves in
// one call costs one way there and back.
constexpr std::int32_t kMostBytes = 1 << 20;

struct Arguments {
  SpawnOptions spawn;
  bool pty = false;
  bool no_pty = false;
  std::string ttl;
  std::string status_file;
};

// The failure of `run` itself: shown as any, but with an exit code that no
// server's answer has.
absl::Status AsRunFailure(const absl::Status& status) {
  const ErrorDetail detail = DetailOf(status);
  const bool of_program = detail.reason == "PROGRAM_NOT_FOUND" ||
                          detail.reason == "TEMPLATE_UNKNOWN";
  const int code = of_program ? kExitNotFound
                   : status.code() == absl::StatusCode::kPermissionDenied
                       ? kExitNotExecutable
                       : kExitFailed;
  return IsUsage(status) ? status : WithExitCode(status, code);
}

std::int32_t LimitOf(const v1::GetServerResponse& server,
                     absl::string_view name) {
  for (const v1::Limit& limit : server.limits()) {
    if (limit.name() == name) {
      return static_cast<std::int32_t>(
          std::min<std::int64_t>(limit.value(), kMostBytes));
    }
  }
  return 64 << 10;
}

// What makes a program at home: where it lives, and on which terminal.
void Furnish(const Arguments& arguments, bool terminal,
             v1::SpawnRequest& request) {
  if (arguments.spawn.spawn_template.empty()) {
    for (const char* name : {"HOME", "USER", "LOGNAME", "SHELL", "TZ"}) {
      request.add_inherit(name);
    }
  }
  if (!terminal) {
    request.set_input(v1::STDIO_PIPE);
    return;
  }
  request.set_input(v1::STDIO_PTY);
  request.set_output(v1::STDIO_PTY);
  request.set_errors(v1::STDIO_PTY);
  *request.mutable_terminal_size() = SizeOfTerminal(STDIN_FILENO);
  const char* const type = std::getenv("TERM");
  if (type != nullptr && arguments.spawn.spawn_template.empty()) {
    request.mutable_environment()->insert({"TERM", type});
  }
}

// Spawns with pipes of `pipe_bytes`, or of the default size where the system
// does not let us have such.
absl::StatusOr<Child> SpawnRoomy(Session& session, v1::SpawnRequest request,
                                 std::int32_t pipe_bytes) {
  request.set_pipe_capacity_bytes(pipe_bytes);
  absl::StatusOr<Child> child = session.Spawn(request);
  if (child.ok() || ErrnoOf(child.status()) != EPERM) {
    return child;
  }
  request.set_pipe_capacity_bytes(0);
  return session.Spawn(request);
}

absl::Status WriteStatusFile(const std::string& path, const ExitStatus& exit) {
  std::ofstream file(path);
  file << ToLine(ExitJson(exit)) << "\n";
  file.close();
  return file.fail() ? LocalError(absl::StrCat("cannot write ", path))
                     : absl::OkStatus();
}

absl::StatusOr<absl::optional<ExitStatus>> Attach(
    Runtime& run, Session& session, Child& child,
    const AttachmentOptions& options) {
  const absl::optional<RawTerminal> raw =
      options.terminal ? absl::make_optional<RawTerminal>(STDIN_FILENO)
                       : absl::nullopt;
  return Attachment(session, child, run.interrupt(), options).Run();
}

absl::Status Detach(Runtime& run, Session& session, Child& child) {
  child.process.Release();
  for (auto& [role, handle] : child.ends) {
    handle.Release();
  }
  session.Release();
  run.out().Note(absl::StrCat("detached; it is ", child.process.name(),
                              " of session ", session.id(),
                              ", and goes with it"));
  return absl::OkStatus();
}

absl::Status RunChild(Runtime& run, const Arguments& arguments,
                      v1::SpawnRequest request) {
  const bool terminal =
      arguments.pty || (!arguments.no_pty && ::isatty(STDIN_FILENO) == 1 &&
                        ::isatty(STDOUT_FILENO) == 1);
  Furnish(arguments, terminal, request);
  request.set_name("run");
  SessionOptions options;
  if (!arguments.ttl.empty()) {
    const absl::StatusOr<absl::Duration> ttl = ParseSpan(arguments.ttl);
    if (!ttl.ok()) {
      return ttl.status();
    }
    options.ttl = *ttl;
  }
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  const absl::StatusOr<v1::GetServerResponse> server = (*client)->GetServer();
  if (!server.ok()) {
    return server.status();
  }
  absl::StatusOr<Session> session = (*client)->CreateSession(options);
  if (!session.ok()) {
    return session.status();
  }
  if (const absl::Status held = session->HoldLease(); !held.ok()) {
    return held;
  }
  absl::StatusOr<Child> child =
      SpawnRoomy(*session, request, LimitOf(*server, "max_pipe_bytes"));
  if (!child.ok()) {
    return child.status();
  }
  const absl::StatusOr<absl::optional<ExitStatus>> exit =
      Attach(run, *session, *child,
             {.terminal = terminal,
              .event_bytes = LimitOf(*server, "max_event_bytes"),
              .write_bytes = LimitOf(*server, "max_write_bytes")});
  if (!exit.ok()) {
    return exit.status();
  }
  if (!exit->has_value()) {
    return Detach(run, *session, *child);
  }
  if (!arguments.status_file.empty()) {
    const absl::Status written = WriteStatusFile(arguments.status_file, **exit);
    if (!written.ok()) {
      return written;
    }
  }
  return Quietly((*exit)->signal != 0 ? kExitSignalBase + (*exit)->signal
                                      : (*exit)->code);
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (arguments.pty && arguments.no_pty) {
    return UsageError("--pty and --no-pty exclude each other");
  }
  absl::StatusOr<v1::SpawnRequest> request = ToRequest(arguments.spawn);
  if (!request.ok()) {
    return request.status();
  }
  const absl::Status status = RunChild(run, arguments, *std::move(request));
  return status.ok() || IsQuiet(status) ? status : AsRunFailure(status);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  AddSpawnOptions(command, arguments->spawn);
  command.AddFlag("--pty", arguments->pty,
                  "give it a terminal even if we have none");
  command.AddFlag("--no-pty", arguments->no_pty,
                  "give it pipes even if we have a terminal");
  command
      .Add("--ttl", arguments->ttl,
           "how long it outlives us when we are killed or detach (60s)")
      .Type("DUR");
  command
      .Add("--status-file", arguments->status_file,
           "write how it ended to this file, as JSON")
      .Type("FILE");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb RunVerb() {
  return {"run",
          groups::kOneShot,
          "runs a program on the server as if it were here",
          R"(  echo data | farpoll run -- tr a-z A-Z
  farpoll run -- bash                       # a terminal there, as ssh -t
  farpoll run --cwd /srv -- make -j8
)",
          "Standard input, output and errors, signals and the exit code pass "
          "through; the end\nof input is passed on. On a terminal the program "
          "has one too, and \"~.\" at the\nbeginning of a line detaches. 125: "
          "farpoll failed, 126: refused or not executable,\n127: not found, "
          "128+S: killed by signal S.",
          &Declare};
}

}  // namespace farpoll::cli
