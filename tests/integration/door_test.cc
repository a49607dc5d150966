// tests/integration/door_test.cc: room: tests. Who comes in, what they see of
// each other, and what happens when descriptors run out.
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/policy.h"
#include "server/server.h"
#include "tests/integration/any_call.h"
#include "tests/integration/peer.h"
#include "tests/support/child_process.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using google::protobuf::MethodDescriptor;
using server::Mode;
using server::Policy;
using server::Principal;
using testing::IsEmpty;

constexpr uid_t kAda = 11'001;
constexpr uid_t kBob = 11'002;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// ---- What users see of each other.

// A system server that takes each new connection for a user of the test's
// choice.
class UsersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server =
        server::Server::Start({.listen = {"unix:" + folder_.path() + "/s"},
                               .policy = std::make_shared<Policy>(
                                   Policy::Default(Mode::kSystem, geteuid())),
                               .identify = [this](int) {
                                 return Principal::Local(next_, next_, 1);
                               }});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  const std::string& address() const { return server_->addresses().front(); }

  // A client of `user`'s with a session.
  std::unique_ptr<Peer> PeerOf(uid_t user) {
    next_ = user;
    return std::make_unique<Peer>(address());  // connects to make its session
  }
  // Another connection of `user`'s.
  std::shared_ptr<grpc::Channel> ChannelOf(uid_t user) {
    next_ = user;
    std::shared_ptr<grpc::Channel> channel = Connect(address());
    EXPECT_TRUE(
        channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kPatience)));
    return channel;
  }

  std::atomic<uid_t> next_{0};
  TemporaryFolder folder_;
  std::unique_ptr<server::Server> server_;
};

TEST_F(UsersTest, AnothersSessionDoesNotExist) {
  const std::unique_ptr<Peer> ada = PeerOf(kAda);
  const std::shared_ptr<grpc::Channel> bob = ChannelOf(kBob);

  for (const MethodDescriptor* method : AllMethods()) {
    const grpc::Status foreign = CallAny(bob, *method, ada->session());
    const grpc::Status unknown = CallAny(bob, *method, "no-such-session");
    EXPECT_EQ(foreign.error_code(), unknown.error_code()) << PathOf(*method);
    EXPECT_EQ(InfoOf(foreign).reason(), InfoOf(unknown).reason());
    EXPECT_EQ(foreign.error_message(), unknown.error_message());
    if (method->input_type()->FindFieldByName("session") != nullptr &&
        foreign.error_code() != grpc::PERMISSION_DENIED) {
      EXPECT_THAT(foreign, Fails(grpc::NOT_FOUND, "ENOENT", "SESSION_UNKNOWN"))
          << PathOf(*method);
    }
  }
}

TEST_F(UsersTest, ASessionIsItsUsersOverEveryConnection) {
  const std::unique_ptr<Peer> ada = PeerOf(kAda);
  next_ = kAda;
  Peer again(address(), ada->session());

  EXPECT_THAT(again.Call(&Sessions::GetSession, ""), Succeeds());
}

TEST_F(UsersTest, EveryoneListsTheirOwn) {
  const std::unique_ptr<Peer> ada = PeerOf(kAda);
  const std::unique_ptr<Peer> bob = PeerOf(kBob);

  const auto list = bob->Must(&Sessions::ListSessions, "");

  ASSERT_EQ(list.sessions_size(), 1);
  EXPECT_EQ(list.sessions(0).id(), bob->session());
}

TEST_F(UsersTest, NamesAreTheirOwnToo) {
  const std::unique_ptr<Peer> ada = PeerOf(kAda);
  const std::unique_ptr<Peer> bob = PeerOf(kBob);
  const auto adas = ada->Must(&Sessions::CreateSession, "name: 'dev'");
  const auto bobs = bob->Must(&Sessions::CreateSession, "name: 'dev'");

  EXPECT_NE(adas.session().id(), bobs.session().id());
  EXPECT_EQ(ada->Must(&Sessions::GetSession, "session: 'dev'").session().id(),
            adas.session().id());
  EXPECT_THAT(ada->Call(&Sessions::CreateSession, "name: 'dev'"),
              Fails(grpc::ALREADY_EXISTS, "EEXIST", "NAME_TAKEN"));
}

TEST_F(UsersTest, HandlesOfOthersDoNotExist) {
  const std::unique_ptr<Peer> ada = PeerOf(kAda);
  const std::unique_ptr<Peer> bob = PeerOf(kBob);
  ada->MakePipe("in", "out");
  const std::string id = absl::StrCat(ada->IdOf("in"));

  EXPECT_THAT(bob->Call(&Handles::Read,
                        absl::StrCat("handle { id: ", id, "} max_bytes: 1")),
              Fails(grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN"));
}

// ---- Identity, as the kernel tells it.

// Runs `work` as `user`, in the group of that number alone; whether that was
// allowed. Only a thread of its own changes who it is: to the kernel,
// credentials are a thread's.
bool RunAs(uid_t user, const std::function<void()>& work) {
  bool allowed = false;
  std::thread([&] {
    allowed = syscall(SYS_setgroups, 0, nullptr) == 0 &&
              syscall(SYS_setresgid, user, user, user) == 0 &&
              syscall(SYS_setresuid, user, user, user) == 0;
    if (allowed) {
      work();
    }
  }).join();
  return allowed;
}

// Connects to the socket at `path` as `user`.
UniqueFd ConnectAs(uid_t user, const std::string& path) {
  UniqueFd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(RunAs(user, [&] {
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&name),
                sizeof(name)) != 0) {
      connection.Reset();
    }
  }));
  return connection;
}

class RealUsersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunAs(kAda, [] {})) {
      GTEST_SKIP() << "only root can be somebody else";
    }
    auto server =
        server::Server::Start({.listen = {"unix:" + path_},
                               .policy = std::make_shared<Policy>(
                                   Policy::Default(Mode::kSystem, geteuid()))});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    MustSucceed(chmod(folder_.path().c_str(), 0755), "chmod");
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/s";
  std::unique_ptr<server::Server> server_;
};

TEST_F(RealUsersTest, AnotherUserCannotReachAPrivateSocket) {
  EXPECT_FALSE(ConnectAs(kAda, path_).valid());
}

TEST_F(RealUsersTest, AnotherUserIsNotUs) {
  MustSucceed(chmod(path_.c_str(), 0666), "chmod");
  Peer ours(server_->addresses().front());
  UniqueFd connection = ConnectAs(kAda, path_);
  ASSERT_TRUE(connection.valid());
  const auto channel =
      grpc::CreateInsecureChannelFromFd("ada", connection.Release());
  const auto sessions = v1::SessionService::NewStub(channel);

  v1::GetSessionRequest get;
  get.set_session(ours.session());
  v1::GetSessionResponse got;
  grpc::ClientContext get_context;
  EXPECT_THAT(sessions->GetSession(&get_context, get, &got),
              Fails(grpc::NOT_FOUND, "ENOENT", "SESSION_UNKNOWN"));

  v1::ListSessionsResponse list;
  grpc::ClientContext list_context;
  EXPECT_THAT(sessions->ListSessions(&list_context, {}, &list), Succeeds());
  EXPECT_THAT(list.sessions(), IsEmpty());
}

TEST_F(RealUsersTest, AConfigurationOfAnotherUserIsRefused) {
  const std::string config = folder_.path() + "/config";
  std::ofstream(config).flush();
  MustSucceed(chmod(config.c_str(), 0600), "chmod");
  const auto check = [&] {
    return ChildProcess({std::getenv("FARPOLLD"), "--check-config", config})
        .Wait();
  };
  EXPECT_EQ(check(), 0);

  MustSucceed(chown(config.c_str(), kAda, kAda), "chown");

  EXPECT_NE(check(), 0);
}

// ---- Running out.

TEST(FullTest, TooManyConnectionsAreRefusedUntilOneGoes) {
  TemporaryFolder folder;
  server::Limits limits;
  limits.max_connections = 2;
  const auto server = server::Server::Start(
      {.listen = {"unix:" + folder.path() + "/s"}, .limits = limits});
  ASSERT_THAT(server, IsOk());
  const std::string& address = (*server)->addresses().front();
  Peer first(address);
  auto second = std::make_unique<Peer>(address);
  {
    Peer third(address, "");
    EXPECT_EQ(third.Call(&ServerInfo::GetServer, "").status.error_code(),
              grpc::UNAVAILABLE);
  }
  EXPECT_THAT(first.Call(&ServerInfo::GetServer, ""), Succeeds());

  second.reset();

  Await(
      [&] {
        Peer next(address, "");
        return next.Call(&ServerInfo::GetServer, "").status.ok();
      },
      "a connection is free again");
}

// A farpolld that may open no more than `descriptors`.
class SmallFarpolld : public ChildProcess {
 public:
  SmallFarpolld(int descriptors, const std::string& listen)
      : ChildProcess(
            {"/bin/sh", "-c",
             absl::StrCat("ulimit -n ", descriptors,
                          "; exec \"$0\" --debuggable --log-level warning "
                          "--grace 50ms "
                          "--listen \"$1\""),
             std::getenv("FARPOLLD"), listen}) {
    const std::string line = ReadLine();
    absl::string_view rest = line;
    EXPECT_TRUE(absl::ConsumePrefix(&rest, "farpolld 0.1.0 listening on "))
        << line;
    address_ = std::string(rest);
  }
  const std::string& address() const { return address_; }

 private:
  std::string address_;
};

class FullTableTest : public testing::TestWithParam<const char*> {
 protected:
  std::string Listen() const {
    return std::string(GetParam()) == "Unix" ? "unix:" + folder_.path() + "/s"
                                             : "127.0.0.1:0";
  }

  // Makes things until no descriptor is left.
  static void Fill(Peer& peer) {
    grpc::Status full;
    while ((full = peer.Call(&Handles::CreatePipe, "").status).ok()) {
    }
    EXPECT_EQ(full.error_code(), grpc::RESOURCE_EXHAUSTED);
    const char* const selector = "kind: SELECTOR_KIND_POLL";
    while (
        (full = peer.Call(&Selectors::CreateSelector, selector).status).ok()) {
    }
    EXPECT_THAT(full, Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", ""));
    while ((full = peer.Call(&Handles::CreatePipe, "").status).ok()) {
    }
    EXPECT_EQ(full.error_code(), grpc::RESOURCE_EXHAUSTED);
  }

  TemporaryFolder folder_;
};

TEST_P(FullTableTest, TheListenerOutlivesAFullTableThreeTimes) {
  SmallFarpolld server(96, Listen());
  Peer host(server.address(), "");
  host.Must(&ServerInfo::GetServer, "");
  const int before = server.CountDescriptors();
  for (int round = 0; round < 3; ++round) {
    Peer peer(server.address());
    peer.MakePipe("in", "out");
    peer.Write("out", "works");
    EXPECT_EQ(peer.Read("in"), "works");
    Fill(peer);

    // One descriptor may be left of the two that a pipe needs.
    std::vector<std::unique_ptr<Peer>> more;
    grpc::Status refused;
    do {
      more.push_back(std::make_unique<Peer>(server.address(), ""));
      refused = more.back()->Call(&ServerInfo::GetServer, "").status;
    } while (refused.ok() && more.size() < 4);
    EXPECT_EQ(refused.error_code(), grpc::UNAVAILABLE) << Describe(refused);
    peer.Write("out", "still works");
    EXPECT_EQ(peer.Read("in"), "still works");
    more.clear();
    peer.EndSession();

    Await(
        [&] {
          Peer next(server.address(), "");
          return next.Call(&ServerInfo::GetServer, "").status.ok();
        },
        "connections are accepted again");
    Peer again(server.address());
    again.MakePipe("in", "out");
  }
  Await([&] { return server.CountDescriptors() == before; },
        "descriptors are closed");
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_THAT(server.Errors(), testing::HasSubstr("connection.refused"));
}

INSTANTIATE_TEST_SUITE_P(Over, FullTableTest, testing::Values("Unix", "Tcp"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

TEST(TooLargeTest, AnOversizedRequestIsRefusedAndTheConnectionLives) {
  TemporaryFolder folder;
  const auto server =
      server::Server::Start({.listen = {"unix:" + folder.path() + "/s"}});
  ASSERT_THAT(server, IsOk());
  Peer peer((*server)->addresses().front());
  const std::string name(5 << 20, 'x');

  const grpc::Status status =
      peer.Call(&Sessions::CreateSession, absl::StrCat("name: '", name, "'"))
          .status;

  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("larger than max"));
  EXPECT_THAT(peer.Call(&ServerInfo::GetServer, ""), Succeeds());
}

}  // namespace
}  // namespace farpoll
