// The child processes of HandleService.
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/rpc/convert.h"
#include "server/rpc/handle_service.h"
#include "server/rpc/unary.h"
#include "server/rpc/unary_end.h"

namespace farpoll::server {
namespace {

absl::StatusOr<Stdio> ToStdio(v1::Stdio stdio, Stdio by_default,
                              absl::string_view field) {
  switch (stdio) {
    case v1::STDIO_UNSPECIFIED:
      return by_default;
    case v1::STDIO_NULL:
      return Stdio::kNull;
    case v1::STDIO_PIPE:
      return Stdio::kPipe;
    case v1::STDIO_SOCKET:
      return Stdio::kSocket;
    case v1::STDIO_PTY:
      return Stdio::kPty;
    case v1::STDIO_STDOUT:
      return Stdio::kStdout;
    default:
      return MakeError(EINVAL, "BAD_STDIO", field,
                       absl::StrCat("there is no stdio ", stdio));
  }
}

absl::StatusOr<OnClose> ToOnClose(v1::OnClose on_close) {
  switch (on_close) {
    case v1::ON_CLOSE_UNSPECIFIED:
    case v1::ON_CLOSE_KILL:
      return OnClose::kKill;
    case v1::ON_CLOSE_HANG_UP:
      return OnClose::kHangUp;
    case v1::ON_CLOSE_KEEP:
      return OnClose::kKeep;
    default:
      return MakeError(EINVAL, "BAD_ON_CLOSE", "on_close",
                       absl::StrCat("there is no on_close ", on_close));
  }
}

TerminalSize ToSize(const v1::TerminalSize& size) {
  return TerminalSize{.rows = size.rows(), .columns = size.columns()};
}

absl::StatusOr<ChildEndsSpec> ToEnds(const v1::SpawnRequest& request,
                                     const Limits& limits) {
  ChildEndsSpec spec;
  const auto in = ToStdio(request.input(), Stdio::kNull, "input");
  const auto out = ToStdio(request.output(), Stdio::kPipe, "output");
  const auto err = ToStdio(request.errors(), Stdio::kPipe, "errors");
  for (const auto* stream : {&in, &out, &err}) {
    if (!stream->ok()) {
      return stream->status();
    }
  }
  if (request.sockets_size() > limits.max_child_sockets) {
    return LimitReached("max_child_sockets", limits.max_child_sockets,
                        "sockets");
  }
  if (request.pipe_capacity_bytes() < 0 ||
      request.pipe_capacity_bytes() > limits.max_pipe_bytes) {
    return MakeError(EINVAL, "BAD_SIZE", "pipe_capacity_bytes",
                     absl::StrCat("pipe_capacity_bytes must be from 0 to ",
                                  limits.max_pipe_bytes));
  }
  spec.in = *in;
  spec.out = *out;
  spec.err = *err;
  spec.terminal_size = ToSize(request.terminal_size());
  spec.pipe_bytes = request.pipe_capacity_bytes();
  spec.listen_fds = request.listen_fds();
  for (const v1::ChildSocket& socket : request.sockets()) {
    const absl::StatusOr<int> type = ToSocketType(socket.type());
    if (!type.ok()) {
      return type.status();
    }
    spec.sockets.push_back(ChildSocket{
        .number = socket.number(), .type = *type, .name = socket.name()});
  }
  return spec;
}

absl::StatusOr<absl::optional<absl::Duration>> ToGrace(
    const v1::SpawnRequest& request, const Limits& limits) {
  if (!request.has_grace()) {
    return absl::optional<absl::Duration>();
  }
  const absl::StatusOr<absl::Duration> grace =
      ToDuration(request.grace(), "grace");
  if (!grace.ok()) {
    return grace.status();
  }
  const absl::Duration most = absl::Milliseconds(limits.max_grace_ms);
  if (*grace < absl::ZeroDuration() || *grace > most) {
    return MakeError(
        EINVAL, "BAD_GRACE", "grace",
        absl::StrCat("grace must be from 0 to ", absl::FormatDuration(most)));
  }
  return absl::optional<absl::Duration>(*grace);
}

absl::StatusOr<ResourceLimit> ToLimit(const v1::ResourceLimit& limit) {
  constexpr std::pair<absl::string_view, int> kResources[] = {
      {"as", RLIMIT_AS},         {"core", RLIMIT_CORE},
      {"cpu", RLIMIT_CPU},       {"data", RLIMIT_DATA},
      {"fsize", RLIMIT_FSIZE},   {"memlock", RLIMIT_MEMLOCK},
      {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
      {"stack", RLIMIT_STACK}};
  const auto* const resource = std::find_if(
      std::begin(kResources), std::end(kResources),
      [&](const auto& row) { return row.first == limit.resource(); });
  const std::int64_t hard = limit.has_hard() ? limit.hard() : limit.soft();
  if (resource == std::end(kResources) || limit.soft() < -1 || hard < -1) {
    return MakeError(EINVAL, "BAD_LIMIT", limit.resource(),
                     absl::StrCat("there is no limit ", limit.resource(),
                                  " of ", limit.soft(), " and ", hard));
  }
  // -1 is RLIM_INFINITY.
  return ResourceLimit{.resource = resource->second,
                       .soft = static_cast<std::uint64_t>(limit.soft()),
                       .hard = static_cast<std::uint64_t>(hard)};
}

absl::StatusOr<ChildRequest> ToChild(const v1::SpawnRequest& request,
                                     const Limits& limits) {
  ChildRequest child;
  child.name = request.name();
  child.inherit.assign(request.inherit().begin(), request.inherit().end());
  SpawnRequest& program = child.program;
  program.template_name = request.template_();
  program.argv.assign(request.argv().begin(), request.argv().end());
  program.environment.insert(request.environment().begin(),
                             request.environment().end());
  program.working_directory = request.working_directory();
  for (const v1::ResourceLimit& limit : request.limits()) {
    const absl::StatusOr<ResourceLimit> known = ToLimit(limit);
    if (!known.ok()) {
      return known.status();
    }
    program.limits.push_back(*known);
  }
  absl::StatusOr<ChildEndsSpec> ends = ToEnds(request, limits);
  if (!ends.ok()) {
    return ends.status();
  }
  child.ends = *std::move(ends);
  const absl::StatusOr<OnClose> on_close = ToOnClose(request.on_close());
  if (!on_close.ok()) {
    return on_close.status();
  }
  child.on_close = *on_close;
  const auto grace = ToGrace(request, limits);
  if (!grace.ok()) {
    return grace.status();
  }
  child.grace = *grace;
  return child;
}

void Fill(const SpawnedChild& spawned, v1::SpawnResponse& response) {
  Fill(spawned.process, response.mutable_process());
  for (const auto& [role, handle] : spawned.ends) {
    v1::ChildEnd* const end = response.add_ends();
    end->set_role(role);
    Fill(handle, end->mutable_handle());
  }
}

}  // namespace

grpc::ServerUnaryReactor* HandleService::Spawn(
    grpc::CallbackServerContext* context, const v1::SpawnRequest* request,
    v1::SpawnResponse* response) {
  const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
  const absl::StatusOr<std::shared_ptr<Session>> session =
      caller.ok() ? table_.Find(*caller, request->session()) : caller.status();
  if (!session.ok()) {
    return Answer(context, session.status());
  }
  absl::StatusOr<ChildRequest> child = ToChild(*request, (*session)->limits());
  if (!child.ok()) {
    return Answer(context, child.status());
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto end =
      std::make_shared<UnaryEnd<v1::SpawnResponse>>(reactor, response);
  (*session)->Spawn(*std::move(child),
                    [end](const absl::StatusOr<SpawnedChild>& spawned) {
                      auto claim = end->TryClaim();
                      if (!claim.has_value()) {
                        return;  // answered already
                      }
                      if (spawned.ok()) {
                        Fill(*spawned, claim->response());
                      }
                      std::move(*claim).Finish(spawned.status());
                    });
  return reactor;
}

grpc::ServerUnaryReactor* HandleService::Signal(
    grpc::CallbackServerContext* context, const v1::SignalRequest* request,
    v1::SignalResponse* /*response*/) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return session.Signal(ToReference(request->handle()), request->signal(),
                          request->group());
  });
}

grpc::ServerUnaryReactor* HandleService::ResizePty(
    grpc::CallbackServerContext* context, const v1::ResizePtyRequest* request,
    v1::ResizePtyResponse* /*response*/) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return session.Resize(ToReference(request->handle()),
                          ToSize(request->size()));
  });
}

}  // namespace farpoll::server
