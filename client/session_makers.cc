// The makers of single handles, and reading one to its end.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/errno_status.h"
#include "client/connection.h"
#include "client/session.h"

namespace farpoll::client {

template <class Response, class Request, class Method>
absl::StatusOr<Handle> Session::Make(Request& request, Method method) {
  request.set_session(id_);
  const absl::StatusOr<Response> response =
      connection_->Make(connection_->handles(), method, request);
  if (!response.ok()) {
    return response.status();
  }
  return Handle(connection_, id_, response->handle());
}

absl::StatusOr<Handle> Session::Listen(v1::ListenRequest request) {
  return Make<v1::ListenResponse>(request, &v1::HandleService::Stub::Listen);
}

absl::StatusOr<Handle> Session::Connect(v1::ConnectRequest request) {
  return Make<v1::ConnectResponse>(request, &v1::HandleService::Stub::Connect);
}

absl::StatusOr<Handle> Session::CreateDatagramSocket(
    v1::CreateDatagramSocketRequest request) {
  return Make<v1::CreateDatagramSocketResponse>(
      request, &v1::HandleService::Stub::CreateDatagramSocket);
}

absl::StatusOr<Handle> Session::CreateTimer(v1::CreateTimerRequest request) {
  return Make<v1::CreateTimerResponse>(request,
                                       &v1::HandleService::Stub::CreateTimer);
}

absl::StatusOr<Handle> Session::CreateCounter(
    v1::CreateCounterRequest request) {
  return Make<v1::CreateCounterResponse>(
      request, &v1::HandleService::Stub::CreateCounter);
}

absl::StatusOr<Handle> Session::OpenFile(v1::OpenFileRequest request) {
  return Make<v1::OpenFileResponse>(request,
                                    &v1::HandleService::Stub::OpenFile);
}

absl::StatusOr<Handle> Session::WatchPath(v1::WatchPathRequest request) {
  return Make<v1::WatchPathResponse>(request,
                                     &v1::HandleService::Stub::WatchPath);
}

absl::StatusOr<std::string> Session::ReadAll(Handle& handle,
                                             std::size_t max_bytes,
                                             Timeout timeout) {
  absl::StatusOr<Selector> selector = CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  const absl::Status registered = selector->Register(handle, kIn).status();
  if (!registered.ok()) {
    return registered;
  }
  const bool bounded = timeout.kind() == Timeout::Kind::kFinite;
  const RealClock clock;
  const MonotonicTime end =
      bounded ? DeadlineAfter(clock.Now(), timeout.span()) : kNever;
  std::string all;
  for (;;) {
    absl::StatusOr<ReadResult> result = handle.Read();
    if (!result.ok()) {
      return result.status();
    }
    if (result->end_of_file) {
      return all;
    }
    all += result->data;
    if (all.size() > max_bytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, EFBIG, "",
                       handle.name(), "more bytes than were asked for");
    }
    if (!result->would_block) {
      continue;
    }
    const auto ready = selector->Poll(
        bounded ? Timeout(std::max(absl::FromChrono(end - clock.Now()),
                                   absl::ZeroDuration()))
                : timeout);
    if (!ready.ok()) {
      return ready.status();
    }
    if (ready->empty()) {
      return MakeError(absl::StatusCode::kDeadlineExceeded, ETIMEDOUT, "",
                       handle.name(), "no end of file within the timeout");
    }
  }
}

}  // namespace farpoll::client
