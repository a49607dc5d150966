// HandleService's timers, counters, files and watches.
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/convert.h"
#include "server/rpc/handle_service.h"
#include "server/rpc/late_call.h"
#include "server/rpc/unary.h"

namespace farpoll::server {
namespace {

absl::StatusOr<TimerSpec> ToTimerSpec(const v1::CreateTimerRequest& request) {
  TimerSpec spec;
  if (request.has_after()) {
    const absl::StatusOr<absl::Duration> after =
        ToDuration(request.after(), "after");
    if (!after.ok()) {
      return after.status();
    }
    spec.after = *after;
  }
  if (request.has_at()) {
    const absl::StatusOr<absl::Time> at = ToTime(request.at(), "at");
    if (!at.ok()) {
      return at.status();
    }
    spec.at = *at;
  }
  if (request.has_every()) {
    const absl::StatusOr<absl::Duration> every =
        ToDuration(request.every(), "every");
    if (!every.ok()) {
      return every.status();
    }
    spec.every = *every;
  }
  return spec;
}

}  // namespace

grpc::ServerUnaryReactor* HandleService::CreateTimer(
    grpc::CallbackServerContext* context, const v1::CreateTimerRequest* request,
    v1::CreateTimerResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<TimerSpec> spec = ToTimerSpec(*request);
    if (!spec.ok()) {
      return spec.status();
    }
    return FillMade(session.CreateTimer(request->name(), *spec),
                    response->mutable_handle());
  });
}

grpc::ServerUnaryReactor* HandleService::CreateCounter(
    grpc::CallbackServerContext* context,
    const v1::CreateCounterRequest* request,
    v1::CreateCounterResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return FillMade(session.CreateCounter(request->name(), request->initial(),
                                          request->semaphore()),
                    response->mutable_handle());
  });
}

grpc::ServerUnaryReactor* HandleService::OpenFile(
    grpc::CallbackServerContext* context, const v1::OpenFileRequest* request,
    v1::OpenFileResponse* response) {
  return AnswerWithHandle(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<HandleInfo> answer) {
        session.OpenFile(request->name(), request->path(),
                         {.read = request->read(),
                          .write = request->write(),
                          .append = request->append(),
                          .truncate = request->truncate(),
                          .create = request->create(),
                          .exclusive = request->exclusive()},
                         std::move(answer));
      });
}

grpc::ServerUnaryReactor* HandleService::WatchPath(
    grpc::CallbackServerContext* context, const v1::WatchPathRequest* request,
    v1::WatchPathResponse* response) {
  return AnswerWithHandle(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<HandleInfo> answer) {
        session.WatchPath(request->name(), request->path(),
                          static_cast<std::uint32_t>(request->events()),
                          std::move(answer));
      });
}

}  // namespace farpoll::server
