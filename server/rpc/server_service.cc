#include "server/rpc/server_service.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/version.h"
#include "selector/pipe_buf.h"
#include "server/policy/principal.h"
#include "server/rpc/convert.h"
#include "server/rpc/gate.h"
#include "server/rpc/unary.h"

namespace farpoll::server {

grpc::ServerUnaryReactor* ServerService::GetServer(
    grpc::CallbackServerContext* context,
    const v1::GetServerRequest* /*request*/, v1::GetServerResponse* response) {
  if (const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
      !caller.ok()) {
    return Answer(context, caller.status());
  }
  const MonotonicTime now = clock_.Now();
  const std::int64_t wall_ns = absl::ToUnixNanos(absl::Now());
  response->set_version(kVersion);
  response->set_api(kApiLevel);
  response->set_epoch(epoch_);
  *response->mutable_uptime() = ToProto(absl::FromChrono(now - started_));
  response->set_pipe_buf(static_cast<std::int32_t>(kPipeBuf));
  for (const KindInfo& info : kHandleKinds) {
    response->add_handle_kinds(ToProto(info.kind));
  }
  for (int number = 0; number < v1::SelectorKind_ARRAYSIZE; ++number) {
    const auto kind = static_cast<v1::SelectorKind>(number);
    if (ToKind(kind).ok()) {
      response->add_selector_kinds(kind);
    }
  }
  for (const LimitField& field : LimitFields()) {
    v1::Limit* const limit = response->add_limits();
    limit->set_name(std::string(field.name));
    limit->set_value(table_.limits().*field.value);
    limit->set_description(std::string(field.description));
  }
  response->set_monotonic_now_ns(ToNanoseconds(now));
  response->mutable_wall_now()->set_seconds(wall_ns / 1'000'000'000);
  response->mutable_wall_now()->set_nanos(
      static_cast<std::int32_t>(wall_ns % 1'000'000'000));
  response->set_sessions(static_cast<std::int32_t>(table_.size()));
  response->set_handles(static_cast<std::int32_t>(table_.handles().used()));
  return Answer(context, absl::OkStatus());
}

}  // namespace farpoll::server
