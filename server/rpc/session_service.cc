#include "server/rpc/session_service.h"

#include "server/policy/principal.h"
#include "server/rpc/convert.h"
#include "server/rpc/gate.h"
#include "server/rpc/keep_alive_stream.h"
#include "server/rpc/unary.h"

namespace farpoll::server {

grpc::ServerUnaryReactor* SessionService::CreateSession(
    grpc::CallbackServerContext* context,
    const v1::CreateSessionRequest* request,
    v1::CreateSessionResponse* response) {
  const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
  if (!caller.ok()) {
    return Answer(context, caller.status());
  }
  const absl::StatusOr<absl::Duration> ttl = ToDuration(request->ttl(), "ttl");
  if (!ttl.ok()) {
    return Answer(context, ttl.status());
  }
  const absl::StatusOr<std::shared_ptr<Session>> session =
      table_.Create(*caller, request->name(), *ttl, request->detached());
  if (session.ok()) {
    Fill((*session)->Info(), response->mutable_session());
  }
  return Answer(context, session.status());
}

grpc::ServerUnaryReactor* SessionService::GetSession(
    grpc::CallbackServerContext* context, const v1::GetSessionRequest* request,
    v1::GetSessionResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    Fill(session.Info(), response->mutable_session());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SessionService::ListSessions(
    grpc::CallbackServerContext* context,
    const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
  if (!caller.ok()) {
    return Answer(context, caller.status());
  }
  const absl::StatusOr<Page> page =
      ToPage(request->page_size(), request->page_token());
  if (!page.ok()) {
    return Answer(context, page.status());
  }
  auto list = table_.List(*caller, page->after, page->count + 1);
  response->set_next_page_token(CutToPage(
      *page, [](const auto& item) { return item.first; }, &list));
  for (const auto& [position, session] : list) {
    Fill(session->Info(), response->add_sessions());
  }
  return Answer(context, absl::OkStatus());
}

grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>*
SessionService::KeepAlive(grpc::CallbackServerContext* context) {
  return KeepAliveStream::Start(&table_, CallContext::CallerOf(context));
}

grpc::ServerUnaryReactor* SessionService::DeleteSession(
    grpc::CallbackServerContext* context,
    const v1::DeleteSessionRequest* request,
    v1::DeleteSessionResponse* /*response*/) {
  const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
  return Answer(context, caller.ok()
                             ? table_.Delete(*caller, request->session())
                             : caller.status());
}

}  // namespace farpoll::server
