#include "server/rpc/keep_alive_stream.h"

#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "server/rpc/convert.h"

namespace farpoll::server {

KeepAliveStream* KeepAliveStream::Start(
    SessionTable* table, const absl::StatusOr<Principal>& caller) {
  const std::shared_ptr<KeepAliveStream> stream(
      new KeepAliveStream(table, caller));
  stream->self_ = stream;
  if (caller.ok()) {
    stream->StartRead(&stream->request_);
  } else {
    stream->End(caller.status());
  }
  return stream.get();
}

void KeepAliveStream::OnReadDone(bool ok) {
  if (!ok) {
    End(absl::OkStatus());
    return;
  }
  if (const absl::Status renewed = Renew(); !renewed.ok()) {
    End(renewed);
    return;
  }
  {
    MutexLock lock(&mu_);
    if (end_.has_value()) {
      return;
    }
    writing_ = true;
  }
  *response_.mutable_remaining() = ToProto(session_->ttl());
  StartWrite(&response_);
}

absl::Status KeepAliveStream::Renew() {
  if (session_ != nullptr) {
    if (request_.session() != reference_) {
      return MakeError(EINVAL, "SESSION_CHANGED", "session",
                       "a KeepAlive stream serves the session that its first "
                       "message named");
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<Session>> found =
      table_.Find(*caller_, request_.session());
  if (!found.ok()) {
    return found.status();
  }
  const absl::StatusOr<StreamId> stream =
      (*found)->AttachStream(weak_from_this());
  if (!stream.ok()) {
    return stream.status();
  }
  session_ = *std::move(found);
  reference_ = request_.session();
  stream_ = *stream;
  return absl::OkStatus();
}

void KeepAliveStream::OnWriteDone(bool ok) {
  absl::optional<absl::Status> end;
  {
    MutexLock lock(&mu_);
    writing_ = false;
    if (!ok && !end_.has_value()) {
      end_ = absl::CancelledError("the client is gone");
    }
    end = end_;
  }
  if (end.has_value()) {
    Finish(ToGrpc(*end));
  } else {
    StartRead(&request_);
  }
}

void KeepAliveStream::OnCancel() { End(absl::CancelledError()); }

void KeepAliveStream::OnEnded(absl::Status why) { End(why); }

void KeepAliveStream::End(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (end_.has_value()) {
      return;
    }
    end_ = status;
    if (writing_) {
      return;  // OnWriteDone() finishes
    }
  }
  Finish(ToGrpc(status));
}

void KeepAliveStream::OnDone() {
  if (session_ != nullptr) {
    session_->DetachStream(stream_);
  }
  self_.reset();
}

}  // namespace farpoll::server
