// tests/fuzz/passing_fuzz.cc: room: tests. Frames of any bytes, with and
// without descriptors, at the socket by which descriptors travel. The server
// stays, and lets go of everything.
//
// An input is a row of records: a byte of flags (how many descriptors come
// along, and whether a length goes before), the record's length, and its bytes.
// The session is called "fuzz" and has handles "in" and "out" and a selector
// "poll".
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/descriptor_message.h"
#include "base/unique_fd.h"
#include "farpoll/v1/handle.grpc.pb.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "farpoll/v1/server.grpc.pb.h"
#include "farpoll/v1/session.grpc.pb.h"
#include "server/server.h"
#include "tests/fuzz/claim.h"
#include "tests/support/dial_passing.h"
#include "tests/support/fd_count.h"
#include "tests/support/temporary_folder.h"

namespace farpoll::fuzz {
namespace {

constexpr std::uint8_t kDescriptors = 3;  // how many
constexpr std::uint8_t kFramed = 4;
constexpr int kAnswerMs = 2;
// Of connections that are on their way.
constexpr int kSpareDescriptors = 32;

class Host {
 public:
  Host() {
    auto server =
        server::Server::Start({.listen = {"unix:" + folder_.path() + "/s"}});
    if (!server.ok()) {
      Fail(server.status().ToString());
    }
    server_ = *std::move(server);
    const auto channel = server_->InProcessChannel();
    sessions_ = v1::SessionService::NewStub(channel);
    handles_ = v1::HandleService::NewStub(channel);
    selectors_ = v1::SelectorService::NewStub(channel);
    Begin();
    End();
    descriptors_ = CountOpenDescriptors();
  }

  void Begin() {
    v1::CreateSessionRequest session;
    session.set_name("fuzz");
    Must(&v1::SessionService::Stub::CreateSession, sessions_, session);
    v1::CreatePipeRequest pipe;
    pipe.set_session("fuzz");
    pipe.set_reader_name("in");
    pipe.set_writer_name("out");
    Must(&v1::HandleService::Stub::CreatePipe, handles_, pipe);
    v1::CreateSelectorRequest selector;
    selector.set_session("fuzz");
    selector.set_name("poll");
    selector.set_kind(v1::SELECTOR_KIND_POLL);
    Must(&v1::SelectorService::Stub::CreateSelector, selectors_, selector);
  }

  void End() {
    v1::DeleteSessionRequest request;
    request.set_session("fuzz");
    Must(&v1::SessionService::Stub::DeleteSession, sessions_, request);
  }

  UniqueFd Dial() const { return DialPassing(folder_.path() + "/s"); }

  void CheckDescriptors() const {
    AwaitDescriptors(descriptors_ + kSpareDescriptors);
  }

 private:
  template <class Stub, class Request, class Response>
  void Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                         Response*),
            const std::unique_ptr<Stub>& stub, const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    Response response;
    const grpc::Status status =
        (stub.get()->*method)(&context, request, &response);
    if (!status.ok()) {
      Fail(status.error_message());
    }
  }

  TemporaryFolder folder_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<v1::SessionService::Stub> sessions_;
  std::unique_ptr<v1::HandleService::Stub> handles_;
  std::unique_ptr<v1::SelectorService::Stub> selectors_;
  int descriptors_ = 0;
};

// Lives until the program ends.
Host& TheHost() {
  static Host* const host = new Host();
  return *host;
}

// Sends `bytes` as they are, with `count` descriptors; false if nobody listens.
bool SendRaw(int socket, absl::string_view bytes,
             const std::vector<int>& descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  iovec data{.iov_base = const_cast<char*>(bytes.data()),
             .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::copy(descriptors.begin(), descriptors.end(),
              reinterpret_cast<int*>(CMSG_DATA(header)));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

// Takes what is answered within a moment, and closes its descriptors.
void TakeAnswer(int socket) {
  pollfd item{.fd = socket, .events = POLLIN, .revents = 0};
  if (poll(&item, 1, kAnswerMs) == 1) {
    DescriptorInbox inbox;
    (void)Receive(socket, &inbox);
  }
}

void Talk(absl::string_view input) {
  const UniqueFd socket = TheHost().Dial();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    Fail("pipe2");
  }
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const int given[] = {reader.get(), writer.get(), socket.get()};
  while (input.size() >= 2) {
    const auto flags = static_cast<std::uint8_t>(input[0]);
    const absl::string_view bytes =
        input.substr(2, static_cast<std::uint8_t>(input[1]));
    input.remove_prefix(2 + bytes.size());
    const std::vector<int> descriptors(given, given + (flags & kDescriptors));
    const bool sent = (flags & kFramed) != 0
                          ? SendMessage(socket.get(), bytes, descriptors).ok()
                          : SendRaw(socket.get(), bytes, descriptors);
    if (!sent) {
      return;
    }
    TakeAnswer(socket.get());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  TheHost().Begin();
  Talk(absl::string_view(reinterpret_cast<const char*>(bytes), size));
  TheHost().End();
  static int inputs = 0;
  if (++inputs % 100 == 0) {
    TheHost().CheckDescriptors();
  }
  return 0;
}

}  // namespace farpoll::fuzz
