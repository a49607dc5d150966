// tests/integration/passing_test.cc: room: tests. Descriptors handed over to a
// server and fetched from it, and what it does about bad requests.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/descriptor_message.h"
#include "base/mutex.h"
#include "farpoll/v1/passing.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/policy.h"
#include "server/policy/verb.h"
#include "server/server.h"
#include "tests/integration/any_call.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"
#include "tests/support/dial_passing.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using server::Mode;
using server::Policy;
using server::Principal;
using testing::HasSubstr;

constexpr int kPatienceMs = 30'000;

// As DialPassing, and no answer is waited for without end.
UniqueFd DialWithPatience(const std::string& path) {
  UniqueFd socket = DialPassing(path);
  const timeval patience{.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
  MustSucceed(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                         sizeof(patience)),
              "setsockopt");
  return socket;
}

struct PassingAnswer {
  v1::PassingResponse response;
  UniqueFd descriptor;
};

// The next answer; its error's reason is "closed" when there is none.
PassingAnswer ReadAnswer(const UniqueFd& socket) {
  DescriptorInbox inbox;
  PassingAnswer answer;
  for (;;) {
    const absl::StatusOr<bool> more = Receive(socket.get(), &inbox);
    const auto message = TakeMessage(&inbox);
    if (message.ok() && message->has_value()) {
      EXPECT_TRUE(answer.response.ParseFromString(**message));
      if (!inbox.descriptors.empty()) {
        answer.descriptor = std::move(inbox.descriptors.front());
      }
      return answer;
    }
    if (!more.ok() || !*more) {
      answer.response.mutable_error()->mutable_info()->set_reason("closed");
      return answer;
    }
  }
}

// A server, a client of it with a session, and requests for descriptors.
class PassingTest : public testing::Test {
 protected:
  void SetUp() override {
    Start({.mode = Mode::kPrivate, .own_uid = geteuid()}, {});
  }

  void Start(server::PolicySpec spec, const server::Limits& limits) {
    server_.reset();
    auto server = server::Server::Start(
        {.listen = {"unix:" + path_},
         .limits = limits,
         .policy = std::make_shared<Policy>(std::move(spec)),
         .identify = [this](int) { return Principal::Local(user_, user_, 1); },
         .clock = &clock_,
         .audit =
             [this](const server::AuditRecord& record) {
               MutexLock lock(&mutex_);
               audited_.push_back(absl::StrCat(
                   record.allowed ? "allow " : "deny ",
                   server::VerbName(record.verb), " ", record.object));
             }});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    peer_ = std::make_unique<Peer>("unix:" + path_);
  }
  void TearDown() override { peer_.reset(); }

  // For requests of our own making.
  UniqueFd Dial() const { return DialWithPatience(path_); }
  v1::PassingResponse Answer(const UniqueFd& socket) {
    PassingAnswer answer = ReadAnswer(socket);
    if (answer.descriptor.valid()) {
      fetched_ = std::move(answer.descriptor);
    }
    return answer.response;
  }
  // Sends `request` with `descriptors`; the answer.
  v1::PassingResponse Ask(const v1::PassingRequest& request,
                          const std::vector<int>& descriptors = {}) {
    const UniqueFd socket = Dial();
    EXPECT_THAT(
        SendMessage(socket.get(), request.SerializeAsString(), descriptors),
        IsOk());
    return Answer(socket);
  }
  std::string Refusal(const v1::PassingRequest& request,
                      const std::vector<int>& descriptors = {}) {
    return Ask(request, descriptors).error().info().reason();
  }
  // Hands `fd` over as a handle called `name`.
  void Pass(int fd, const std::string& name) {
    EXPECT_EQ(Refusal(PassOf({name}), {fd}), "");
  }
  // The descriptor of `handle`, or that of `selector`, by name.
  UniqueFd Fetch(const std::string& handle, const std::string& selector = "") {
    v1::PassingRequest request;
    request.mutable_fetch()->set_session(peer_->session());
    if (selector.empty()) {
      request.mutable_fetch()->mutable_handle()->set_name(handle);
    } else {
      request.mutable_fetch()->mutable_selector()->set_name(selector);
    }
    EXPECT_EQ(Refusal(request), "");
    return std::move(fetched_);
  }
  v1::PassingRequest PassOf(const std::vector<std::string>& names) const {
    v1::PassingRequest request;
    request.mutable_pass()->set_session(peer_->session());
    for (const std::string& name : names) {
      request.mutable_pass()->add_names(name);
    }
    return request;
  }
  // Whether the server closes `socket`; by then it has said `reason`.
  void ExpectClosed(const UniqueFd& socket, const std::string& reason) {
    EXPECT_EQ(Answer(socket).error().info().reason(), reason);
    EXPECT_EQ(Answer(socket).error().info().reason(), "closed");
  }

  std::atomic<uid_t> user_{geteuid()};
  FakeClock clock_;
  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/s";
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Peer> peer_;
  UniqueFd fetched_;
  Mutex mutex_;
  std::vector<std::string> audited_ ABSL_GUARDED_BY(mutex_);
};

// ---- Handing over.

TEST_F(PassingTest, APassedPipeIsAHandle) {
  Pipe pipe;
  const v1::PassingResponse passed = Ask(PassOf({"in"}), {pipe.reader()});

  ASSERT_EQ(passed.handles_size(), 1);
  EXPECT_EQ(passed.handles(0).kind(), v1::HANDLE_KIND_PASSED);
  EXPECT_EQ(passed.handles(0).name(), "in");
  Write(pipe.writer(), "hello");
  EXPECT_EQ(peer_->Read("in"), "hello");
}

TEST_F(PassingTest, TheServersCopyLivesOnItsOwn) {
  Pipe pipe;
  Pass(pipe.reader(), "in");
  pipe.read_end.Reset();

  EXPECT_EQ(Write(pipe.writer(), "still read"), 10u);

  EXPECT_EQ(peer_->Read("in"), "still read");
}

TEST_F(PassingTest, APassedPipeStaysAsItWasForItsGiver) {
  int ends[2];
  MustSucceed(pipe2(ends, O_CLOEXEC), "pipe2");
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);

  Pass(reader.get(), "in");

  EXPECT_EQ(fcntl(reader.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(peer_->Must(&Handles::Read, "handle { name: 'in' } max_bytes: 1")
                .outcome(),
            v1::READ_OUTCOME_WOULD_BLOCK);
}

TEST_F(PassingTest, APassedSocketIsOne) {
  FdPair pair = UnixPair(SOCK_STREAM);
  Pass(pair.first.get(), "here");

  peer_->Write("here", "hi");

  EXPECT_EQ(Read(pair.second.get()), "hi");
  EXPECT_THAT(peer_->Call(&Handles::Shutdown,
                          "handle { name: 'here' } direction: DIRECTION_WRITE"),
              Succeeds());
}

TEST_F(PassingTest, APassedPipeIsWaitedOn) {
  Pipe pipe;
  Pass(pipe.reader(), "in");
  peer_->MakeSelector("watch");
  peer_->Register("watch", "in", kIn);

  Write(pipe.writer(), "x");

  EXPECT_EQ(peer_->Poll("watch", absl::Seconds(30)), "in:1");
}

TEST_F(PassingTest, AllOfARequestsDescriptorsOrNone) {
  Pipe pipe;
  peer_->Must(&Handles::ListHandles, "");
  const int before = CountOpenDescriptors();

  EXPECT_EQ(Refusal(PassOf({"a", "b", "a"}),
                    {pipe.reader(), pipe.reader(), pipe.reader()}),
            "NAME_TAKEN");
  EXPECT_EQ(peer_->Must(&Handles::ListHandles, "").handles_size(), 0);
  EXPECT_EQ(Ask(PassOf({}), std::vector<int>(kMostDescriptors, pipe.reader()))
                .handles_size(),
            static_cast<int>(kMostDescriptors));

  peer_->EndSession();
  Await([&] { return CountOpenDescriptors() <= before; },
        "descriptors are closed");
}

// ---- Weak custody.

// A request to watch for kIn with the selector "watch", and hold nothing.
class WeakCustodyTest : public PassingTest {
 protected:
  void SetUp() override {
    PassingTest::SetUp();
    peer_->MakeSelector("watch");
  }
  v1::PassingRequest Weakly(const std::vector<std::string>& names,
                            const std::string& selector = "watch") const {
    v1::PassingRequest request = PassOf(names);
    v1::WeakCustody& weak = *request.mutable_pass()->mutable_weak();
    weak.mutable_selector()->set_name(selector);
    weak.set_events(kIn);
    weak.set_cookie(42);
    return request;
  }
};

TEST_F(WeakCustodyTest, TheServerHoldsNoCopy) {
  Pipe pipe;
  MustSucceed(fcntl(pipe.reader(), F_SETFL, 0), "fcntl");
  const int before = CountOpenDescriptors();
  const v1::PassingResponse passed = Ask(Weakly({"in"}), {pipe.reader()});
  ASSERT_EQ(passed.handles_size(), 1);
  EXPECT_EQ(passed.handles(0).kind(), v1::HANDLE_KIND_WEAK);
  Await([&] { return CountOpenDescriptors() <= before + 1; },  // the weak set
        "the connection is closed");
  EXPECT_EQ(fcntl(pipe.reader(), F_GETFL) & O_NONBLOCK, 0);

  Write(pipe.writer(), "x");

  EXPECT_EQ(peer_->Poll("watch", absl::Seconds(30)), "in:1");
  EXPECT_EQ(peer_->Poll("watch", absl::ZeroDuration()), "");
  EXPECT_EQ(Read(pipe.reader()), "x");
}

TEST_F(WeakCustodyTest, AHandleGivesEventsAndNothingElse) {
  Pipe pipe;
  ASSERT_EQ(Refusal(Weakly({"in"}), {pipe.reader()}), "");
  peer_->MakeSelector("other");
  const auto refused = [](absl::string_view reason) {
    return Fails(grpc::FAILED_PRECONDITION, "EBADF", reason);
  };
  EXPECT_THAT(peer_->Call(&Handles::Read, "handle { name: 'in' } max_bytes: 1"),
              refused(""));
  EXPECT_THAT(peer_->Call(&Handles::Write, "handle { name: 'in' } data: 'x'"),
              refused(""));
  EXPECT_THAT(peer_->Call(&Selectors::Select, "read { name: 'in' } timeout {}"),
              refused("WEAK_HANDLE"));
  EXPECT_THAT(
      peer_->Call(
          &Selectors::Register,
          "selector { name: 'other' } items { handle { name: 'in' } events: 1 "
          "}"),
      refused("WEAK_HANDLE"));
  EXPECT_THAT(
      peer_->Call(
          &Selectors::Modify,
          "selector { name: 'watch' } items { handle { name: 'in' } events: 4 "
          "}"),
      refused("WEAK_HANDLE"));
  v1::PassingRequest fetch;
  fetch.mutable_fetch()->set_session(peer_->session());
  fetch.mutable_fetch()->mutable_handle()->set_name("in");
  EXPECT_EQ(Refusal(fetch), "WEAK_HANDLE");

  peer_->Close("in");
  EXPECT_EQ(peer_->Poll("watch", absl::Seconds(30)), ":32");
}

TEST_F(WeakCustodyTest, AllOfARequestsDescriptorsOrNone) {
  Pipe pipe;
  const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));

  EXPECT_EQ(Ask(Weakly({"in", "file"}), {pipe.reader(), file.get()})
                .error()
                .info()
                .errno_name(),
            "EPERM");
  EXPECT_EQ(Refusal(Weakly({"a", "a"}), {pipe.reader(), pipe.writer()}),
            "NAME_TAKEN");
  EXPECT_EQ(Refusal(Weakly({}, "nobody"), {pipe.reader()}), "SELECTOR_UNKNOWN");
  peer_->MakeSelector("queue", "KQUEUE");
  EXPECT_EQ(Refusal(Weakly({}, "queue"), {pipe.reader()}), "WRONG_KIND");
  v1::PassingRequest odd = Weakly({});
  odd.mutable_pass()->mutable_weak()->set_events(1 << 20);
  EXPECT_EQ(Ask(odd, {pipe.reader()}).error().code(),
            static_cast<int>(absl::StatusCode::kInvalidArgument));

  EXPECT_EQ(peer_->Must(&Handles::ListHandles, "").handles_size(), 0);
  Write(pipe.writer(), "x");
  EXPECT_EQ(peer_->Poll("watch", absl::ZeroDuration()), "");
}

TEST_F(WeakCustodyTest, CountsUntilItsSelectorIsClosed) {
  server::Limits limits;
  limits.max_weak_handles = 1;
  Start({.mode = Mode::kPrivate, .own_uid = geteuid()}, limits);
  peer_->MakeSelector("watch");
  Pipe pipe;
  ASSERT_EQ(Refusal(Weakly({"in"}), {pipe.reader()}), "");
  peer_->Close("in");
  EXPECT_EQ(Refusal(Weakly({"out"}), {pipe.writer()}), "LIMIT_WEAK_HANDLES");

  peer_->Must(&Selectors::CloseSelector, "selector { name: 'watch' }");
  peer_->MakeSelector("watch");

  EXPECT_EQ(Refusal(Weakly({"in"}), {pipe.reader()}), "");
}

// ---- Fetching.

TEST_F(PassingTest, AFetchedHandleIsTheSamePipe) {
  peer_->MakePipe("in", "out");

  const UniqueFd writer = Fetch("out");

  Write(writer.get(), "from here");
  EXPECT_EQ(peer_->Read("in"), "from here");
}

TEST_F(PassingTest, AFetchedSelectorIsWaitedOnHere) {
  peer_->MakePipe("in", "out");
  peer_->MakeSelector("watch");
  peer_->Register("watch", "in", kIn);
  const UniqueFd fetched = Fetch("", "watch");
  const UniqueFd own(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 7}};
  MustSucceed(epoll_ctl(own.get(), EPOLL_CTL_ADD, fetched.get(), &event),
              "epoll_ctl");
  EXPECT_EQ(epoll_wait(own.get(), &event, 1, 0), 0);

  peer_->Write("out", "x");

  ASSERT_EQ(epoll_wait(own.get(), &event, 1, kPatienceMs), 1);
  // A copy: the field of a packed struct cannot be referred to.
  const std::uint64_t told = event.data.u64;
  EXPECT_EQ(told, 7u);
  EXPECT_EQ(peer_->Poll("watch", absl::ZeroDuration()), "in:1");
  EXPECT_EQ(peer_->Read("in"), "x");
  EXPECT_EQ(epoll_wait(own.get(), &event, 1, 0), 0);
}

// Whoever holds it can look, and take nothing.
TEST_F(PassingTest, AFetchedSelectorTakesNothingAway) {
  peer_->MakePipe("in", "out");
  peer_->MakeSelector("watch");
  peer_->Register("watch", "in", kIn, "ONESHOT");
  const UniqueFd fetched = Fetch("", "watch");
  peer_->Write("out", "x");

  epoll_event event{};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(epoll_wait(fetched.get(), &event, 1, kPatienceMs), 1);
  }

  EXPECT_EQ(peer_->Poll("watch", absl::ZeroDuration()), "in:1");
}

TEST_F(PassingTest, AFetchedSelectorFallsSilentWhenItIsClosed) {
  peer_->MakePipe("in", "out");
  peer_->MakeSelector("watch");
  peer_->Register("watch", "out", kOut);
  const UniqueFd fetched = Fetch("", "watch");
  EXPECT_EQ(KernelPoll(fetched.get(), kIn), kIn);

  peer_->Must(&Selectors::CloseSelector, "selector { name: 'watch' }");

  EXPECT_EQ(KernelPoll(fetched.get(), kIn), 0);
}

TEST_F(PassingTest, WhatIsNotThereIsNotFetched) {
  v1::PassingRequest request;
  request.mutable_fetch()->set_session(peer_->session());
  request.mutable_fetch()->mutable_handle()->set_name("none");
  EXPECT_EQ(Refusal(request), "HANDLE_UNKNOWN");
  request.mutable_fetch()->mutable_selector()->set_name("none");
  EXPECT_EQ(Refusal(request), "SELECTOR_UNKNOWN");
}

// ---- Users.

TEST_F(PassingTest, APrivateServerPassesNothingToOthers) {
  Pipe own;
  v1::PassingRequest fetch;
  fetch.mutable_fetch()->set_session(peer_->session());
  fetch.mutable_fetch()->mutable_handle()->set_name("in");

  user_ = geteuid() + 1;

  EXPECT_EQ(Refusal(PassOf({"x"}), {own.reader()}), "POLICY_VERB");
  EXPECT_EQ(Refusal(fetch), "POLICY_VERB");
}

TEST_F(PassingTest, ASystemServerPassesNothingWithoutAPolicy) {
  peer_.reset();
  Start({.mode = Mode::kSystem, .own_uid = geteuid()}, {});
  Pipe own;

  EXPECT_EQ(Refusal(PassOf({"x"}), {own.reader()}), "POLICY_VERB");
}

TEST_F(PassingTest, AGrantDoesNotReachAnothersSession) {
  peer_.reset();
  server::PolicySpec spec{.mode = Mode::kSystem, .own_uid = geteuid()};
  spec.grants.push_back(
      server::Grant{.name = "pass",
                    .to = {server::Grantee{.anyone = true}},
                    .verbs = {server::Verb::kPass, server::Verb::kFetch}});
  Start(std::move(spec), {});
  Pipe own;
  Pass(own.reader(), "mine");

  user_ = geteuid() + 1;

  EXPECT_EQ(Refusal(PassOf({"x"}), {own.reader()}), "SESSION_UNKNOWN");
}

TEST_F(PassingTest, WhatIsPassedAndFetchedIsRecorded) {
  Pipe pipe;
  Pass(pipe.reader(), "in");
  Fetch("in");

  MutexLock lock(&mutex_);
  EXPECT_THAT(audited_, testing::ElementsAre("allow pass handles: in",
                                             "allow fetch handle in"));
}

// A request that sets a field of which the protocol says that it takes verbs.
struct PassingField {
  const char* field;
  const char* request;  // its session is filled in
};
constexpr PassingField kPassingFields[] = {
    {"farpoll.v1.PassingRequest.pass", "pass {}"},
    {"farpoll.v1.PassingRequest.fetch", "fetch {}"},
    {"farpoll.v1.PassRequest.weak", "pass { weak {} }"},
    {"farpoll.v1.FetchRequest.handle", "fetch { handle { name: 'in' } }"},
    {"farpoll.v1.FetchRequest.selector", "fetch { selector { name: 's' } }"}};

TEST_F(PassingTest, EveryFieldTakesTheVerbsThatTheProtocolSays) {
  auto said = VerbFieldsOf(*v1::PassingRequest::descriptor());
  for (const PassingField& row : kPassingFields) {
    ASSERT_TRUE(said.contains(row.field)) << row.field;
    for (const std::string& missing : said[row.field]) {
      peer_.reset();
      server::Grant most{.name = "most",
                         .to = {server::Grantee{.anyone = true}}};
      for (const server::Verb verb : server::kAllVerbs) {
        if (server::VerbName(verb) != missing) {
          most.verbs.Add(verb);
        }
      }
      Start({.mode = Mode::kSystem, .no_basics = true, .grants = {most}}, {});
      auto request = Parse<v1::PassingRequest>(row.request);
      (request.has_pass() ? *request.mutable_pass()->mutable_session()
                          : *request.mutable_fetch()->mutable_session()) =
          peer_->session();

      const v1::ErrorInfo refused = Ask(request).error().info();

      EXPECT_EQ(refused.reason(), "POLICY_VERB") << row.field;
      EXPECT_EQ(refused.subject(), missing) << row.field;
    }
    said.erase(row.field);
  }
  EXPECT_THAT(said, testing::IsEmpty());
}

// Through the server they would come as its own user.
TEST_F(PassingTest, NobodyReachesItThroughTheServer) {
  peer_.reset();
  server::PolicySpec spec{.mode = Mode::kSystem, .own_uid = geteuid() + 1};
  spec.grants.push_back(server::Grant{
      .name = "connect",
      .to = {server::Grantee{.anyone = true}},
      .verbs = {server::Verb::kConnect},
      .unix_sockets = {server::UnixRule{.directory = folder_.path()}}});
  Start(std::move(spec), {});

  for (const char* suffix : {"", kPassingSuffix}) {
    EXPECT_THAT(
        peer_->Call(&Handles::Connect,
                    absl::StrCat("address: 'unix:", path_, suffix, "'")),
        Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ADDRESS"));
  }
}

// ---- Bad requests.

TEST_F(PassingTest, BadRequestsAreSaid) {
  Pipe pipe;
  v1::PassingRequest fetch;
  fetch.mutable_fetch()->set_session(peer_->session());
  v1::PassingRequest wrong_session = PassOf({});
  wrong_session.mutable_pass()->set_session("nobody's");

  EXPECT_EQ(Refusal({}), "BAD_MESSAGE");
  EXPECT_EQ(Refusal(PassOf({})), "NO_DESCRIPTOR");
  EXPECT_EQ(Refusal(PassOf({"a", "b"}), {pipe.reader()}), "NAMES_DIFFER");
  EXPECT_EQ(Refusal(PassOf({"-a"}), {pipe.reader()}), "BAD_NAME");
  EXPECT_EQ(Refusal(wrong_session, {pipe.reader()}), "SESSION_UNKNOWN");
  EXPECT_EQ(Refusal(fetch, {pipe.reader()}), "EXTRA_DESCRIPTOR");
  EXPECT_EQ(Refusal(PassOf({}), {Open("/", O_PATH | O_CLOEXEC).get()}),
            "PATH_ONLY");
}

TEST_F(PassingTest, TooManyDescriptorsAreRefused) {
  Pipe pipe;
  const UniqueFd socket = Dial();
  const std::vector<int> most(kMostDescriptors, pipe.reader());
  EXPECT_EQ(DetailOf(SendMessage(socket.get(), "",
                                 std::vector<int>(kMostDescriptors + 1, 0)))
                .reason,
            "LIMIT_DESCRIPTORS");

  // Two pieces of one message, each with as many as the kernel takes.
  char length[4] = {0, 0, 1, 0};
  for (int piece = 0; piece < 2; ++piece) {
    iovec data{.iov_base = length, .iov_len = sizeof(length)};
    std::vector<char> room(CMSG_SPACE(sizeof(int) * most.size()));
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = room.data();
    header.msg_controllen = room.size();
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int) * most.size());
    memcpy(CMSG_DATA(part), most.data(), sizeof(int) * most.size());
    MustSucceed(static_cast<int>(sendmsg(socket.get(), &header, MSG_NOSIGNAL)),
                "sendmsg");
  }
  ExpectClosed(socket, "LIMIT_DESCRIPTORS");
}

TEST_F(PassingTest, HugeLengthsAreRefusedAtOnce) {
  const UniqueFd socket = Dial();
  Write(socket.get(), "\xff\xff\xff\xff");

  ExpectClosed(socket, "BAD_MESSAGE");
}

TEST_F(PassingTest, AMessageBeforeTheAnswerIsRefused) {
  const UniqueFd socket = Dial();
  Write(socket.get(), std::string(8, '\0'));

  ExpectClosed(socket, "BAD_MESSAGE");
}

TEST_F(PassingTest, ACutMessageHarmsNobody) {
  Pipe pipe;
  {
    const UniqueFd socket = Dial();
    Write(socket.get(), std::string("\0\0", 2));
  }

  Pass(pipe.reader(), "in");
}

TEST_F(PassingTest, AStalledConnectionIsClosed) {
  const UniqueFd stalled = Dial();
  Write(stalled.get(), std::string("\0\0", 2));
  Pipe pipe;
  Pass(pipe.reader(), "in");  // the other was let in before

  pollfd entry{.fd = stalled.get(), .events = POLLIN, .revents = 0};
  Await(
      [&] {
        clock_.Advance(absl::Seconds(1));
        // A descriptor more makes the reactor look at the clock.
        Dial();
        return poll(&entry, 1, 1) == 1;
      },
      "the connection is closed");
  EXPECT_EQ(Answer(stalled).error().info().reason(), "closed");
}

TEST_F(PassingTest, TooManyConnectionsAreClosedAtOnce) {
  peer_.reset();
  server::Limits limits;
  limits.max_passing_connections = 2;
  Start({.mode = Mode::kPrivate, .own_uid = geteuid()}, limits);
  const UniqueFd first = Dial();
  UniqueFd second = Dial();

  EXPECT_EQ(Answer(Dial()).error().info().reason(), "closed");

  second.Reset();
  Pipe pipe;
  Await(
      [&] {
        // Without room it may be closed before the request is sent.
        const UniqueFd third = Dial();
        return SendMessage(third.get(), PassOf({}).SerializeAsString(),
                           {pipe.reader()})
                   .ok() &&
               Answer(third).error().info().reason().empty();
      },
      "there is room again");
}

// ---- What is handed over may block whoever closes it.

// A TCP connection whose close(2) takes an hour, unless `peer` goes: bytes that
// its peer does not read are to be sent first.
struct Lingering {
  UniqueFd mine;
  UniqueFd peer;
};
Lingering MakeLingering() {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{.sin_family = AF_INET,
                   .sin_port = 0,
                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                   .sin_zero = {}};
  socklen_t size = sizeof(name);
  auto* const address = reinterpret_cast<sockaddr*>(&name);
  MustSucceed(bind(listener.get(), address, size), "bind");
  MustSucceed(listen(listener.get(), 1), "listen");
  MustSucceed(getsockname(listener.get(), address, &size), "getsockname");
  Lingering pair{
      .mine = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      .peer = UniqueFd()};
  MustSucceed(connect(pair.mine.get(), address, size), "connect");
  pair.peer.Reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string bytes(64 << 10, 'x');
  while (send(pair.mine.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
  const linger hour{.l_onoff = 1, .l_linger = 3600};
  MustSucceed(
      setsockopt(pair.mine.get(), SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)),
      "setsockopt");
  return pair;
}

class LingerTest : public PassingTest {
 protected:
  ~LingerTest() override {
    socket_.peer.Reset();  // whatever lingers ends
    for (std::thread& call : calls_) {
      call.join();
    }
  }

  // Sends the first bytes of a request with the socket, and lets go of it: the
  // server has the last copy.
  UniqueFd SendStart(const std::string& bytes) {
    UniqueFd door = Dial();
    iovec data{.iov_base = const_cast<char*>(bytes.data()),
               .iov_len = bytes.size()};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = room;
    header.msg_controllen = sizeof(room);
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = socket_.mine.get();
    memcpy(CMSG_DATA(part), &fd, sizeof(fd));
    MustSucceed(static_cast<int>(sendmsg(door.get(), &header, 0)), "sendmsg");
    socket_.mine.Reset();
    return door;
  }
  // Hands the socket over as a handle of the session, and lets go of it.
  void PassIt() {
    Pass(socket_.mine.get(), "linger");
    socket_.mine.Reset();
  }

  // Everybody else is served: by the reactor, and in the session.
  void ExpectOthersAreServed() {
    Pipe pipe;
    Peer other("unix:" + path_);
    v1::PassingRequest request;
    request.mutable_pass()->set_session(other.session());
    EXPECT_EQ(Refusal(request, {pipe.reader()}), "");
    EXPECT_THAT(other.Call(&Handles::ListHandles, ""), Succeeds());
    EXPECT_THAT(peer_->Call(&Handles::ListHandles, ""), Succeeds());
  }

  Lingering socket_ = MakeLingering();
  std::vector<std::thread> calls_;
};

TEST_F(LingerTest, OfARefusedRequestHoldsNobodyUp) {
  v1::PassingRequest request = PassOf({});
  request.mutable_pass()->set_session("nobody's");
  const std::string text = request.SerializeAsString();
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(text.size()));
  const UniqueFd door = SendStart(
      std::string(reinterpret_cast<const char*>(&length), sizeof(length)));
  Write(door.get(), text);

  ExpectOthersAreServed();

  socket_.peer.Reset();
  EXPECT_EQ(Answer(door).error().info().reason(), "SESSION_UNKNOWN");
}

TEST_F(LingerTest, OfACutConnectionHoldsNobodyUp) {
  SendStart("\1").Reset();

  ExpectOthersAreServed();
}

TEST_F(LingerTest, OfAClosedHandleHoldsNobodyUp) {
  PassIt();
  calls_.emplace_back([this, session = peer_->session()] {
    Peer second("unix:" + path_, session);
    second.Call(&Handles::Close, R"(handle { name: "linger" })");
  });
  Await(
      [&] {
        return peer_->Call(&Handles::ListHandles, "").response.handles_size() ==
               0;
      },
      "the handle is gone");

  ExpectOthersAreServed();
}

TEST_F(LingerTest, OfADeletedSessionHoldsNobodyUp) {
  PassIt();
  // The call that deletes it is answered at once as well.
  EXPECT_THAT(peer_->CallFor(absl::Seconds(20), &Sessions::DeleteSession, ""),
              Succeeds());
  peer_ = std::make_unique<Peer>("unix:" + path_);

  ExpectOthersAreServed();
}

TEST_F(LingerTest, OfAnExpiredSessionHoldsNobodyUp) {
  PassIt();
  clock_.Advance(absl::Hours(1));
  Dial();  // makes the reactor look at the clock
  peer_ = std::make_unique<Peer>("unix:" + path_);

  ExpectOthersAreServed();
}

// ---- Many.

TEST_F(FarpolldTest, WeakCustodyBeyondLimit) {
  constexpr int kRequests = 8;
  constexpr int kEach = 250;
  ChildProcess server({"/bin/sh", "-c", "ulimit -n 512; exec \"$0\" \"$@\"",
                       std::getenv("FARPOLLD"), UnixFlag()});
  ASSERT_THAT(server.ReadLine(), HasSubstr("listening"));
  Peer peer("unix:" + SocketPath());
  peer.MakeSelector("watch");
  const UniqueFd door = DialWithPatience(SocketPath());
  std::vector<UniqueFd> counters;
  for (int i = 0; i < kRequests; ++i) {
    v1::PassingRequest request;
    request.mutable_pass()->set_session(peer.session());
    v1::WeakCustody& weak = *request.mutable_pass()->mutable_weak();
    weak.mutable_selector()->set_name("watch");
    weak.set_events(kIn);
    std::vector<int> descriptors;
    for (int j = 0; j < kEach; ++j) {
      counters.emplace_back(MustSucceed(eventfd(0, EFD_CLOEXEC), "eventfd"));
      descriptors.push_back(counters.back().get());
      request.mutable_pass()->add_names(absl::StrCat("n", i * kEach + j));
    }
    ASSERT_THAT(
        SendMessage(door.get(), request.SerializeAsString(), descriptors),
        IsOk());
    ASSERT_EQ(ReadAnswer(door).response.handles_size(), kEach);
  }

  for (const int raised : {0, 777, kRequests * kEach - 1}) {
    eventfd_write(counters[static_cast<std::size_t>(raised)].get(), 1);
    EXPECT_EQ(peer.Poll("watch", absl::Seconds(30)),
              absl::StrCat("n", raised, ":1"));
  }
  peer.MakePipe("in", "out");  // there is room left for what is held
}

// ---- Inherited at start.

TEST_F(FarpolldTest, InheritedDescriptorsAreHandlesOfTheirSession) {
  Pipe pipe;
  Write(pipe.writer(), "left open");
  // What a service manager does, with the shell in its place: the number 3, and
  // the process's own id.
  ChildProcess server(
      {"/bin/sh", "-c",
       absl::StrCat("exec 3</proc/", getpid(), "/fd/", pipe.reader(),
                    "; LISTEN_PID=$$ LISTEN_FDS=1 "
                    "LISTEN_FDNAMES=log exec \"$0\" \"$@\""),
       std::getenv("FARPOLLD"), UnixFlag(), "--inherit-session=boot"});
  ASSERT_THAT(server.ReadLine(), HasSubstr("listening"));
  Peer peer("unix:" + SocketPath(), "boot");

  EXPECT_EQ(peer.Read("log"), "left open");
  EXPECT_EQ(
      peer.Must(&Handles::GetHandle, "handle { name: 'log' }").handle().kind(),
      v1::HANDLE_KIND_PASSED);
  EXPECT_EQ(peer.Must(&Sessions::GetSession, "").session().streams(), 1);
}

// The service manager speaks of two, of which one is not there.
TEST_F(FarpolldTest, NothingThatTheServerOpenedIsTakenForInherited) {
  Pipe pipe;
  ChildProcess server(
      {"/bin/sh", "-c",
       absl::StrCat("exec 3</proc/", getpid(), "/fd/", pipe.reader(),
                    "; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\""),
       std::getenv("FARPOLLD"), UnixFlag(), "--inherit-session=boot",
       "--audit-log=" + folder_.path() + "/audit"});
  ASSERT_THAT(server.ReadLine(), HasSubstr("listening"));
  Peer peer("unix:" + SocketPath(), "boot");

  EXPECT_EQ(peer.Must(&Handles::ListHandles, "").handles_size(), 1);
}

TEST_F(FarpolldTest, WithoutPassingThereIsOneSocket) {
  Farpolld server({UnixFlag(), "--no-passing"});
  server.AwaitAddress();

  EXPECT_NE(access(SocketPath().c_str(), F_OK), -1);
  EXPECT_EQ(access((SocketPath() + kPassingSuffix).c_str(), F_OK), -1);
}

}  // namespace
}  // namespace farpoll
