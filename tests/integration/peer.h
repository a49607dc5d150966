// tests/integration/peer.h: room: tests. A client on the generated stubs, for
// tests that read as tables: requests are text protos, objects go by name, the
// session is filled in.
#ifndef FARPOLL_TESTS_INTEGRATION_PEER_H_
#define FARPOLL_TESTS_INTEGRATION_PEER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "farpoll/v1/error.pb.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/handle.grpc.pb.h"
#include "farpoll/v1/observer.grpc.pb.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "farpoll/v1/server.grpc.pb.h"
#include "farpoll/v1/session.grpc.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "selector/events.h"

namespace farpoll {

using Sessions = v1::SessionService::Stub;
using Handles = v1::HandleService::Stub;
using Selectors = v1::SelectorService::Stub;
using Observations = v1::ObserverService::Stub;
using ServerInfo = v1::ServerService::Stub;

// Generous: it only keeps a broken server from hanging the tests.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// The message that `text` writes; aborts when it does not parse.
template <class Message>
Message Parse(absl::string_view text) {
  Message message;
  GOOGLE_CHECK(google::protobuf::TextFormat::ParseFromString(std::string(text),
                                                             &message))
      << std::string(text);
  return message;
}

// What a call returned.
template <class Response>
struct Answer {
  grpc::Status status;
  Response response;
};

// The ErrorInfo of a status; empty when it has none.
v1::ErrorInfo InfoOf(const grpc::Status& status);
// "NOT_FOUND ENOENT HANDLE_UNKNOWN handle 7: message".
std::string Describe(const grpc::Status& status);

inline const grpc::Status& RpcStatusOf(const grpc::Status& status) {
  return status;
}
template <class Response>
const grpc::Status& RpcStatusOf(const Answer<Response>& answer) {
  return answer.status;
}

// Of a grpc::Status or an Answer.
MATCHER(Succeeds, "succeeds") {
  *result_listener << "which is " << Describe(RpcStatusOf(arg));
  return RpcStatusOf(arg).ok();
}
// Of a grpc::Status or an Answer: its code, and its detail's errno and reason.
MATCHER_P3(Fails, code, errno_name, reason, "fails") {
  const grpc::Status& status = RpcStatusOf(arg);
  *result_listener << "which is " << Describe(status);
  return status.error_code() == code &&
         InfoOf(status).errno_name() == errno_name &&
         InfoOf(status).reason() == reason;
}

template <class Stub, class Request, class Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&,
                                      Response*);

// One client with a connection of its own.
// Threads: any, but for the members that say otherwise.
class Peer {
 public:
  // Connects to `address` and makes a session; the destructor ends it.
  explicit Peer(const std::string& address);
  // Connects to `address` and joins `session`, which belongs to another.
  Peer(const std::string& address, const std::string& session);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& session() const { return session_; }
  // Ends the session now.
  void EndSession();

  template <class Stub>
  Stub* stub() {
    return std::get<std::unique_ptr<Stub>>(stubs_).get();
  }

  // Calls with the request that `text` writes, in this peer's session unless it
  // names one.
  template <class Stub, class Request, class Response>
  Answer<Response> Call(Method<Stub, Request, Response> method,
                        absl::string_view text) {
    return CallFor(kPatience, method, text);
  }
  // As Call, with the RPC's own deadline.
  template <class Stub, class Request, class Response>
  Answer<Response> CallFor(absl::Duration deadline,
                           Method<Stub, Request, Response> method,
                           absl::string_view text) {
    grpc::ClientContext context;
    return CallIn(context, deadline, method, text);
  }
  // As CallFor, within a context that the caller may cancel.
  template <class Stub, class Request, class Response>
  Answer<Response> CallIn(grpc::ClientContext& context, absl::Duration deadline,
                          Method<Stub, Request, Response> method,
                          absl::string_view text) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    Answer<Response> answer;
    answer.status = (stub<Stub>()->*method)(
        &context, WithSession(Parse<Request>(text)), &answer.response);
    return answer;
  }
  // As Call; the test fails when the call does.
  template <class Stub, class Request, class Response>
  Response Must(Method<Stub, Request, Response> method,
                absl::string_view text) {
    Answer<Response> answer = Call(method, text);
    EXPECT_THAT(answer, Succeeds()) << text;
    return std::move(answer.response);
  }

  // ---- Calls that must succeed.

  // Makes a pipe with these names.
  void MakePipe(absl::string_view reader, absl::string_view writer,
                int capacity_bytes = 0);
  void MakeSocketPair(absl::string_view first, absl::string_view second);
  // Makes a selector; `kind` is "POLL", "SELECT" or "DEFAULT".
  void MakeSelector(absl::string_view name, absl::string_view kind = "POLL");
  std::int64_t IdOf(absl::string_view handle);
  // Both return the generation.
  std::int64_t Register(absl::string_view selector, absl::string_view handle,
                        int events, absl::string_view trigger = "LEVEL");
  std::int64_t Modify(absl::string_view selector, absl::string_view handle,
                      int events, absl::string_view trigger = "LEVEL");
  void Unregister(absl::string_view selector, absl::string_view handle);
  v1::WriteResponse Write(absl::string_view handle, absl::string_view data);
  std::string Read(absl::string_view handle, int max_bytes = 65536);
  void Close(absl::string_view handle);
  // A Poll that waits `timeout`; what it saw as "in:1 out:4", by name.
  std::string Poll(absl::string_view selector, absl::Duration timeout);
  // Whether a Poll or a Wait is in progress on the selector.
  bool Waiting(absl::string_view selector);

 private:
  template <class Request>
  Request WithSession(Request request) const {
    if constexpr (requires { request.set_session(session_); }) {
      if (request.session().empty() && !session_.empty()) {
        request.set_session(session_);
      }
    }
    return request;
  }

  std::tuple<std::unique_ptr<Sessions>, std::unique_ptr<Handles>,
             std::unique_ptr<Selectors>, std::unique_ptr<Observations>,
             std::unique_ptr<ServerInfo>>
      stubs_;
  std::string session_;
  bool owns_session_ = false;
};

// What the events of a response saw, as "in:1 out:4". They must have names.
template <class Response>
std::string Seen(const Response& response) {
  std::string seen;
  for (const v1::Event& event : response.events()) {
    seen += (seen.empty() ? "" : " ") + event.handle_name() + ":" +
            std::to_string(event.events());
  }
  return seen;
}

// The client's end of a Wait stream.
// Threads: one.
class WaitStream {
 public:
  // Opens a Wait by the WaitOpen that `open` writes: on `selector`, with names.
  WaitStream(Peer& peer, absl::string_view selector,
             absl::string_view open = "credits: 1");
  // Opens a stream and sends nothing.
  explicit WaitStream(Peer& peer);
  ~WaitStream();
  WaitStream(const WaitStream&) = delete;
  WaitStream& operator=(const WaitStream&) = delete;

  // Sends the WaitRequest that `text` writes.
  void Send(absl::string_view text);
  void Grant(std::int64_t acknowledge, std::int64_t credits = 1);
  // The next message; none at the end of the stream.
  absl::optional<v1::WaitResponse> Read();
  // The next message must be result `sequence`; what it saw.
  std::string Next(std::int64_t sequence);
  // Nothing is on its way although there is a credit: the next result, which
  // must have `sequence`, holds nothing but a fresh handle that becomes ready
  // now. It ends with the result unacknowledged.
  void ExpectQuiet(std::int64_t sequence);
  // Nothing is on its way, while no credit is left.
  void ExpectNothingSent();
  // Returns when the wait is open.
  void AwaitOpen() { stream_->WaitForInitialMetadata(); }
  void Cancel() { context_.TryCancel(); }
  void HalfClose() { stream_->WritesDone(); }
  // How the stream ended; drops messages still to come.
  grpc::Status Finish();

 private:
  Peer& peer_;
  std::string selector_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WaitRequest, v1::WaitResponse>>
      stream_;
  bool finished_ = false;
};

// Calls `holds` until it does; fails the test after kPatience.
void Await(const std::function<bool()>& holds, absl::string_view what);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_PEER_H_
