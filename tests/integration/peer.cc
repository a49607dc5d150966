#include "tests/integration/peer.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"

namespace farpoll {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A connection of its own, not one shared with the process's other peers.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

constexpr const char* kCodeNames[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};

}  // namespace

v1::ErrorInfo InfoOf(const grpc::Status& status) {
  v1::StatusDetail detail;
  v1::ErrorInfo info;
  if (detail.ParseFromString(status.error_details()) &&
      detail.details_size() >= 1) {
    detail.details(0).UnpackTo(&info);
  }
  return info;
}

std::string Describe(const grpc::Status& status) {
  const v1::ErrorInfo info = InfoOf(status);
  return absl::StrCat(kCodeNames[status.error_code()], " ", info.errno_name(),
                      " ", info.reason(), " ", info.subject(), ": ",
                      status.error_message());
}

// ---- Peer.

Peer::Peer(const std::string& address) : Peer(address, "") {
  session_ = Must(&Sessions::CreateSession, "").session().id();
  owns_session_ = true;
}

Peer::Peer(const std::string& address, const std::string& session)
    : session_(session) {
  const std::shared_ptr<grpc::Channel> channel = Connect(address);
  stubs_ = {v1::SessionService::NewStub(channel),
            v1::HandleService::NewStub(channel),
            v1::SelectorService::NewStub(channel),
            v1::ObserverService::NewStub(channel),
            v1::ServerService::NewStub(channel)};
}

Peer::~Peer() { EndSession(); }

void Peer::EndSession() {
  if (std::exchange(owns_session_, false)) {
    // The test may have ended it, or the server, itself.
    (void)Call(&Sessions::DeleteSession, "");
  }
}

void Peer::MakePipe(absl::string_view reader, absl::string_view writer,
                    int capacity_bytes) {
  Must(
      &Handles::CreatePipe,
      absl::Substitute("reader_name: '$0' writer_name: '$1' capacity_bytes: $2",
                       reader, writer, capacity_bytes));
}

void Peer::MakeSocketPair(absl::string_view first, absl::string_view second) {
  Must(&Handles::CreateSocketPair,
       absl::Substitute("first_name: '$0' second_name: '$1'", first, second));
}

void Peer::MakeSelector(absl::string_view name, absl::string_view kind) {
  Must(&Selectors::CreateSelector,
       absl::Substitute("name: '$0' kind: SELECTOR_KIND_$1", name, kind));
}

std::int64_t Peer::IdOf(absl::string_view handle) {
  return Must(&Handles::GetHandle,
              absl::Substitute("handle { name: '$0' }", handle))
      .handle()
      .id();
}

namespace {

std::string OneItem(absl::string_view selector, absl::string_view handle,
                    int events, absl::string_view trigger) {
  return absl::Substitute(
      "selector { name: '$0' } "
      "items { handle { name: '$1' } events: $2 trigger: TRIGGER_$3 }",
      selector, handle, events, trigger);
}

template <class Response>
std::int64_t OnlyGeneration(const Response& response) {
  EXPECT_EQ(response.results_size(), 1);
  return response.results_size() == 1 ? response.results(0).generation() : 0;
}

}  // namespace

std::int64_t Peer::Register(absl::string_view selector,
                            absl::string_view handle, int events,
                            absl::string_view trigger) {
  return OnlyGeneration(
      Must(&Selectors::Register, OneItem(selector, handle, events, trigger)));
}

std::int64_t Peer::Modify(absl::string_view selector, absl::string_view handle,
                          int events, absl::string_view trigger) {
  return OnlyGeneration(
      Must(&Selectors::Modify, OneItem(selector, handle, events, trigger)));
}

void Peer::Unregister(absl::string_view selector, absl::string_view handle) {
  Must(&Selectors::Unregister,
       absl::Substitute("selector { name: '$0' } handles { name: '$1' }",
                        selector, handle));
}

v1::WriteResponse Peer::Write(absl::string_view handle,
                              absl::string_view data) {
  return Must(
      &Handles::Write,
      absl::Substitute("handle { name: '$0' } data: '$1'", handle, data));
}

std::string Peer::Read(absl::string_view handle, int max_bytes) {
  return Must(&Handles::Read,
              absl::Substitute("handle { name: '$0' } max_bytes: $1", handle,
                               max_bytes))
      .data();
}

void Peer::Close(absl::string_view handle) {
  Must(&Handles::Close, absl::Substitute("handle { name: '$0' }", handle));
}

std::string Peer::Poll(absl::string_view selector, absl::Duration timeout) {
  return Seen(Must(
      &Selectors::Poll,
      absl::Substitute("selector { name: '$0' } with_names: true "
                       "timeout { seconds: $1 nanos: $2 }",
                       selector, absl::ToInt64Seconds(timeout),
                       absl::ToInt64Nanoseconds(timeout) % 1'000'000'000)));
}

bool Peer::Waiting(absl::string_view selector) {
  return Must(&Selectors::GetSelector,
              absl::Substitute("selector { name: '$0' }", selector))
      .selector()
      .waiting();
}

// ---- WaitStream.

WaitStream::WaitStream(Peer& peer) : peer_(peer) {
  context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  stream_ = peer_.stub<Selectors>()->Wait(&context_);
}

WaitStream::WaitStream(Peer& peer, absl::string_view selector,
                       absl::string_view open)
    : WaitStream(peer) {
  selector_ = std::string(selector);
  v1::WaitRequest request;
  *request.mutable_open() = Parse<v1::WaitOpen>(open);
  request.mutable_open()->set_session(peer_.session());
  request.mutable_open()->mutable_selector()->set_name(selector_);
  request.mutable_open()->set_with_names(true);
  EXPECT_TRUE(stream_->Write(request));
}

WaitStream::~WaitStream() {
  if (!finished_) {
    Cancel();
    Finish();
  }
}

void WaitStream::Send(absl::string_view text) {
  // A stream that has ended refuses it; Finish() tells why.
  (void)stream_->Write(Parse<v1::WaitRequest>(text));
}

void WaitStream::Grant(std::int64_t acknowledge, std::int64_t credits) {
  Send(absl::Substitute("grant { acknowledge: $0 credits: $1 }", acknowledge,
                        credits));
}

absl::optional<v1::WaitResponse> WaitStream::Read() {
  v1::WaitResponse response;
  if (!stream_->Read(&response)) {
    return absl::nullopt;
  }
  return response;
}

std::string WaitStream::Next(std::int64_t sequence) {
  const absl::optional<v1::WaitResponse> response = Read();
  if (!response.has_value()) {
    ADD_FAILURE() << "the stream ended: " << Describe(Finish());
    return "";
  }
  EXPECT_EQ(response->sequence(), sequence) << response->ShortDebugString();
  return Seen(*response);
}

void WaitStream::ExpectQuiet(std::int64_t sequence) {
  const std::string name = absl::StrCat("quiet", sequence);
  peer_.MakePipe(name, name + "-writer");
  peer_.Write(name + "-writer", "x");
  peer_.Register(selector_, name, kIn, "ONESHOT");
  EXPECT_EQ(Next(sequence), name + ":1");
}

void WaitStream::ExpectNothingSent() {
  // Answers to changes need no credit. An answer goes before a result that is
  // due; so that one which was due shows, there are two.
  for (int turn = 0; turn < 2; ++turn) {
    Send("changes { remove { id: 0 } }");
    const absl::optional<v1::WaitResponse> answer = Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->sequence(), 0) << answer->ShortDebugString();
  }
}

grpc::Status WaitStream::Finish() {
  finished_ = true;
  while (Read().has_value()) {
  }
  return stream_->Finish();
}

void Await(const std::function<bool()>& holds, absl::string_view what) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!holds()) {
    if (absl::Now() > deadline) {
      ADD_FAILURE() << "still not so: " << what;
      return;
    }
    std::this_thread::yield();
  }
}

}  // namespace farpoll
