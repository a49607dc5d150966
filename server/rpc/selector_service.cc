#include "server/rpc/selector_service.h"

#include <utility>
#include <vector>

#include "server/rpc/convert.h"
#include "server/rpc/gate.h"
#include "server/rpc/unary.h"
#include "server/rpc/wait_call.h"
#include "server/rpc/wait_stream.h"

namespace farpoll::server {
namespace {

// Applies the items of a Register, Modify or Unregister. A single item that
// fails fails the call.
template <class Request, class Response>
absl::Status ApplyItems(Session& session, const Request& request,
                        const std::vector<Change>& changes,
                        Response* response) {
  const absl::StatusOr<std::vector<ChangeOutcome>> outcomes =
      session.Apply(ToReference(request.selector()), changes);
  if (!outcomes.ok()) {
    return outcomes.status();
  }
  if (outcomes->size() == 1 && !outcomes->front().generation.ok()) {
    return outcomes->front().generation.status();
  }
  for (const ChangeOutcome& outcome : *outcomes) {
    Fill(outcome, response->add_results());
  }
  return absl::OkStatus();
}

// As ApplyItems, for requests whose items are interests.
template <class Request, class Response>
absl::Status ApplyInterests(Session& session, Change::Kind kind,
                            const Request& request, Response* response) {
  std::vector<Change> changes;
  for (const v1::Interest& item : request.items()) {
    absl::StatusOr<Change> change = ToChange(kind, item);
    if (!change.ok()) {
      return change.status();
    }
    changes.push_back(*std::move(change));
  }
  return ApplyItems(session, request, changes, response);
}

}  // namespace

grpc::ServerUnaryReactor* SelectorService::CreateSelector(
    grpc::CallbackServerContext* context,
    const v1::CreateSelectorRequest* request,
    v1::CreateSelectorResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<SelectorKind> kind = ToKind(request->kind());
    if (!kind.ok()) {
      return kind.status();
    }
    const absl::StatusOr<SelectorInfo> info =
        session.CreateSelector(*kind, request->name());
    if (info.ok()) {
      Fill(*info, response->mutable_selector());
    }
    return info.status();
  });
}

grpc::ServerUnaryReactor* SelectorService::GetSelector(
    grpc::CallbackServerContext* context, const v1::GetSelectorRequest* request,
    v1::GetSelectorResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<SelectorInfo> info =
        session.GetSelector(ToReference(request->selector()));
    if (info.ok()) {
      Fill(*info, response->mutable_selector());
    }
    return info.status();
  });
}

grpc::ServerUnaryReactor* SelectorService::ListSelectors(
    grpc::CallbackServerContext* context,
    const v1::ListSelectorsRequest* request,
    v1::ListSelectorsResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<Page> page =
        ToPage(request->page_size(), request->page_token());
    if (!page.ok()) {
      return page.status();
    }
    absl::StatusOr<std::vector<SelectorInfo>> list =
        session.ListSelectors(page->after, page->count + 1);
    if (!list.ok()) {
      return list.status();
    }
    response->set_next_page_token(CutToPage(
        *page, [](const SelectorInfo& info) { return info.id; }, &*list));
    for (const SelectorInfo& info : *list) {
      Fill(info, response->add_selectors());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SelectorService::CloseSelector(
    grpc::CallbackServerContext* context,
    const v1::CloseSelectorRequest* request,
    v1::CloseSelectorResponse* /*response*/) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return session.CloseSelector(ToReference(request->selector()));
  });
}

grpc::ServerUnaryReactor* SelectorService::Register(
    grpc::CallbackServerContext* context, const v1::RegisterRequest* request,
    v1::RegisterResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return ApplyInterests(session, Change::Kind::kRegister, *request, response);
  });
}

grpc::ServerUnaryReactor* SelectorService::Modify(
    grpc::CallbackServerContext* context, const v1::ModifyRequest* request,
    v1::ModifyResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    return ApplyInterests(session, Change::Kind::kModify, *request, response);
  });
}

grpc::ServerUnaryReactor* SelectorService::Unregister(
    grpc::CallbackServerContext* context, const v1::UnregisterRequest* request,
    v1::UnregisterResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    std::vector<Change> changes;
    for (const v1::HandleRef& handle : request->handles()) {
      changes.push_back(Change{.kind = Change::Kind::kUnregister,
                               .handle = ToReference(handle),
                               .interest = {}});
    }
    return ApplyItems(session, *request, changes, response);
  });
}

grpc::ServerUnaryReactor* SelectorService::ListRegistrations(
    grpc::CallbackServerContext* context,
    const v1::ListRegistrationsRequest* request,
    v1::ListRegistrationsResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<Page> page =
        ToPage(request->page_size(), request->page_token());
    if (!page.ok()) {
      return page.status();
    }
    absl::StatusOr<std::vector<RegistrationInfo>> list =
        session.ListRegistrations(ToReference(request->selector()), page->after,
                                  page->count + 1);
    if (!list.ok()) {
      return list.status();
    }
    response->set_next_page_token(CutToPage(
        *page,
        [](const RegistrationInfo& info) { return info.registration.order; },
        &*list));
    for (const RegistrationInfo& info : *list) {
      Fill(info, response->add_registrations());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SelectorService::GetRegistration(
    grpc::CallbackServerContext* context,
    const v1::GetRegistrationRequest* request,
    v1::GetRegistrationResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<RegistrationInfo> info = session.GetRegistration(
        ToReference(request->selector()), ToReference(request->handle()));
    if (info.ok()) {
      Fill(*info, response->mutable_registration());
    }
    return info.status();
  });
}

grpc::ServerUnaryReactor* SelectorService::Poll(
    grpc::CallbackServerContext* context, const v1::PollRequest* request,
    v1::PollResponse* response) {
  return PollCall::Start(table_, CallContext::CallerOf(context), *request,
                         response);
}

grpc::ServerUnaryReactor* SelectorService::Control(
    grpc::CallbackServerContext* context, const v1::ControlRequest* request,
    v1::ControlResponse* response) {
  return ControlCall::Start(table_, CallContext::CallerOf(context), *request,
                            response);
}

grpc::ServerUnaryReactor* SelectorService::Select(
    grpc::CallbackServerContext* context, const v1::SelectRequest* request,
    v1::SelectResponse* response) {
  return SelectCall::Start(table_, CallContext::CallerOf(context), *request,
                           response);
}

grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>*
SelectorService::Wait(grpc::CallbackServerContext* context) {
  return WaitStream::Start(&table_, CallContext::CallerOf(context), epoch_);
}

}  // namespace farpoll::server
