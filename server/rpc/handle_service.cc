#include "server/rpc/handle_service.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/errno_status.h"
#include "server/rpc/convert.h"
#include "server/rpc/late_call.h"
#include "server/rpc/unary.h"

namespace farpoll::server {
namespace {

absl::StatusOr<int> ToShutdownHow(v1::Direction direction) {
  switch (direction) {
    case v1::DIRECTION_READ:
      return SHUT_RD;
    case v1::DIRECTION_WRITE:
      return SHUT_WR;
    case v1::DIRECTION_BOTH:
      return SHUT_RDWR;
    default:
      return MakeError(EINVAL, "BAD_DIRECTION", "direction",
                       "direction must be READ, WRITE or BOTH");
  }
}

v1::TransferStop ToProto(TransferResult::Stop stop) {
  switch (stop) {
    case TransferResult::Stop::kLimit:
      return v1::TRANSFER_STOP_LIMIT;
    case TransferResult::Stop::kSourceEmpty:
      return v1::TRANSFER_STOP_SOURCE_EMPTY;
    case TransferResult::Stop::kDestinationFull:
      return v1::TRANSFER_STOP_DESTINATION_FULL;
    case TransferResult::Stop::kEndOfFile:
      return v1::TRANSFER_STOP_END_OF_FILE;
    case TransferResult::Stop::kFailed:
      return v1::TRANSFER_STOP_FAILED;
  }
  return v1::TRANSFER_STOP_UNSPECIFIED;
}

void FillRead(ReadResult& result, v1::ReadResponse& response) {
  response.set_data(std::move(result.data));
  response.set_outcome(ToProto(result.outcome));
  response.set_truncated(result.truncated);
  if (result.source.has_value()) {
    response.set_source(result.source->Text());
  }
  response.set_count(result.count);
  for (const PathEvent& event : result.path_events) {
    Fill(event, response.add_path_events());
  }
  Fill(result.readiness, response.mutable_readiness());
}

void FillTransfer(const TransferResult& result,
                  v1::TransferResponse& response) {
  response.set_bytes(result.bytes);
  response.set_stop(ToProto(result.stop));
  if (!result.error.ok()) {
    *response.mutable_error() = ToItemError(result.error);
  }
  Fill(result.from_readiness, response.mutable_from_readiness());
  Fill(result.to_readiness, response.mutable_to_readiness());
}

}  // namespace

grpc::ServerUnaryReactor* HandleService::CreatePipe(
    grpc::CallbackServerContext* context, const v1::CreatePipeRequest* request,
    v1::CreatePipeResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const auto pipe =
        session.CreatePipe(request->reader_name(), request->writer_name(),
                           request->capacity_bytes());
    if (pipe.ok()) {
      Fill(pipe->first, response->mutable_reader());
      Fill(pipe->second, response->mutable_writer());
    }
    return pipe.status();
  });
}

grpc::ServerUnaryReactor* HandleService::CreateSocketPair(
    grpc::CallbackServerContext* context,
    const v1::CreateSocketPairRequest* request,
    v1::CreateSocketPairResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<int> type = ToSocketType(request->type());
    if (!type.ok()) {
      return type.status();
    }
    const auto pair = session.CreateSocketPair(request->first_name(),
                                               request->second_name(), *type);
    if (pair.ok()) {
      Fill(pair->first, response->mutable_first());
      Fill(pair->second, response->mutable_second());
    }
    return pair.status();
  });
}

grpc::ServerUnaryReactor* HandleService::Read(
    grpc::CallbackServerContext* context, const v1::ReadRequest* request,
    v1::ReadResponse* response) {
  return AnswerLater<ReadResult>(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<ReadResult> answer) {
        session.Read(ToReference(request->handle()),
                     {.max_bytes = request->max_bytes(),
                      .peek = request->peek(),
                      .out_of_band = request->out_of_band()},
                     std::move(answer));
      },
      &FillRead);
}

grpc::ServerUnaryReactor* HandleService::Write(
    grpc::CallbackServerContext* context, const v1::WriteRequest* request,
    v1::WriteResponse* response) {
  return AnswerLater<WriteResult>(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<WriteResult> answer) {
        session.Write(
            ToReference(request->handle()),
            {.data = request->data(),
             .out_of_band = request->out_of_band(),
             .destination = request->destination(),
             .count = request->has_count()
                          ? absl::optional<std::uint64_t>(request->count())
                          : absl::nullopt},
            std::move(answer));
      },
      [](const WriteResult& result, v1::WriteResponse& out) {
        out.set_bytes_written(static_cast<std::int32_t>(result.bytes_written));
        out.set_would_block(result.would_block);
        Fill(result.readiness, out.mutable_readiness());
      });
}

grpc::ServerUnaryReactor* HandleService::Transfer(
    grpc::CallbackServerContext* context, const v1::TransferRequest* request,
    v1::TransferResponse* response) {
  return AnswerLater<TransferResult>(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<TransferResult> answer) {
        session.Transfer(ToReference(request->from()),
                         ToReference(request->to()), request->max_bytes(),
                         std::move(answer));
      },
      &FillTransfer);
}

grpc::ServerUnaryReactor* HandleService::Shutdown(
    grpc::CallbackServerContext* context, const v1::ShutdownRequest* request,
    v1::ShutdownResponse* /*response*/) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<int> how = ToShutdownHow(request->direction());
    return how.ok()
               ? session.ShutdownHandle(ToReference(request->handle()), *how)
               : how.status();
  });
}

grpc::ServerUnaryReactor* HandleService::GetHandle(
    grpc::CallbackServerContext* context, const v1::GetHandleRequest* request,
    v1::GetHandleResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<HandleInfo> info =
        session.GetHandle(ToReference(request->handle()));
    if (info.ok()) {
      Fill(*info, response->mutable_handle());
    }
    return info.status();
  });
}

grpc::ServerUnaryReactor* HandleService::ListHandles(
    grpc::CallbackServerContext* context, const v1::ListHandlesRequest* request,
    v1::ListHandlesResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<Page> page =
        ToPage(request->page_size(), request->page_token());
    if (!page.ok()) {
      return page.status();
    }
    absl::StatusOr<std::vector<HandleInfo>> list =
        session.ListHandles(page->after, page->count + 1);
    if (!list.ok()) {
      return list.status();
    }
    response->set_next_page_token(CutToPage(
        *page, [](const HandleInfo& info) { return info.id; }, &*list));
    for (const HandleInfo& info : *list) {
      Fill(info, response->add_handles());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* HandleService::Close(
    grpc::CallbackServerContext* context, const v1::CloseRequest* request,
    v1::CloseResponse* /*response*/) {
  const absl::StatusOr<std::shared_ptr<Session>> session =
      SessionOf(context, table_, request->session());
  if (!session.ok()) {
    return Answer(context, session.status());
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  // It is answered when the descriptor is closed, which may take its time.
  const absl::Status found =
      (*session)->CloseHandle(ToReference(request->handle()),
                              [reactor] { reactor->Finish(grpc::Status::OK); });
  if (!found.ok()) {
    reactor->Finish(ToGrpc(found));
  }
  return reactor;
}

}  // namespace farpoll::server
