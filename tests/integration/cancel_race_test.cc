// tests/integration/cancel_race_test.cc: room: tests. Unary waits that are
// cancelled in the very moment of their answer. The fault that this looks for
// is a use of freed memory, so it tells most under AddressSanitizer.
#include <atomic>
#include <deque>

#include "absl/strings/substitute.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

constexpr int kCalls = 24;   // at once, all ended by one write
constexpr int kRounds = 12;  // of each kind of call

// One call on the callback API, cancelled while it is answered.
template <class Request, class Response>
struct Cancelled {
  grpc::ClientContext context;
  Request request;
  Response response;
};

class CancelRaces : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
  }

  // Starts kCalls of `start`, each with a copy of `request`, ends their wait by
  // one write and cancels them meanwhile; kRounds times.
  template <class Request, class Response, class Start>
  void Race(const Request& request, const Start& start) {
    for (int round = 0; round < kRounds; ++round) {
      std::deque<Cancelled<Request, Response>> calls(kCalls);
      std::atomic<int> ended{0};
      for (auto& call : calls) {
        call.request = request;
        start(&call, [&ended](const grpc::Status& status) {
          EXPECT_TRUE(status.ok() ||
                      status.error_code() == grpc::StatusCode::CANCELLED ||
                      status.error_code() == grpc::StatusCode::ABORTED)
              << Describe(status);
          ++ended;
        });
      }
      // The calls are on their way before this one is answered.
      peer().Must(&ServerInfo::GetServer, "");
      peer().Write("out", "x");
      for (auto& call : calls) {
        call.context.TryCancel();
      }
      Await([&] { return ended == kCalls; }, "every call has ended");
      peer().Must(&Handles::Read, "handle { name: 'in' } max_bytes: 10");
    }
  }
};

TEST_P(CancelRaces, SelectAnsweredWhileItIsCancelled) {
  v1::SelectRequest request;
  request.set_session(peer().session());
  for (int i = 0; i < 1000; ++i) {  // a long answer takes its time to fill
    request.add_read()->set_name("in");
  }

  Race<v1::SelectRequest, v1::SelectResponse>(
      request, [this](auto* call, auto done) {
        peer().stub<Selectors>()->async()->Select(
            &call->context, &call->request, &call->response, done);
      });
}

TEST_P(CancelRaces, ControlAnsweredWhileItIsCancelled) {
  peer().MakeSelector("queue", "KQUEUE");
  peer().Must(&Selectors::Control,
              absl::Substitute("selector { name: 'queue' } timeout {} "
                               "changes { name: 'in' filter: $0 flags: $1 }",
                               evfilt::kRead, ev::kAdd));
  v1::ControlRequest request;
  request.set_session(peer().session());
  request.mutable_selector()->set_name("queue");
  request.set_max_events(8);
  request.set_with_names(true);

  Race<v1::ControlRequest, v1::ControlResponse>(
      request, [this](auto* call, auto done) {
        peer().stub<Selectors>()->async()->Control(
            &call->context, &call->request, &call->response, done);
      });
}

INSTANTIATE_SERVER_TESTS(CancelRaces);

}  // namespace
}  // namespace farpoll
