// tests/integration/bad_kinds_test.cc: room: tests. What the makers of sockets,
// timers, counters, files and watches must refuse, and bad transfers.
// Source: farpoll/v1/handle.proto.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/policy.h"
#include "server/server.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

class BadKinds : public ServerTest {
 protected:
  template <class Method>
  void Refuses(Method method, const std::string& request, grpc::StatusCode code,
               const std::string& errno_name, const std::string& reason) {
    SCOPED_TRACE(request);
    EXPECT_THAT(peer().Call(method, request), Fails(code, errno_name, reason));
  }
  template <class Method>
  void IsInvalid(Method method, const std::string& request,
                 const std::string& reason) {
    Refuses(method, request, grpc::INVALID_ARGUMENT, "EINVAL", reason);
  }
};

INSTANTIATE_TEST_SUITE_P(OverUnix, BadKinds, testing::Values(Transport::kUnix));

TEST_P(BadKinds, Addresses) {
  for (const char* const address :
       {"", "127.0.0.1", "127.0.0.1:99999", "localhost:80",
        "unix:", "unix:relative", "[::1]", "http://127.0.0.1:80"}) {
    const std::string request = absl::Substitute("address: '$0'", address);
    IsInvalid(&Handles::Listen, request, "BAD_ADDRESS");
    IsInvalid(&Handles::Connect, request, "BAD_ADDRESS");
  }
  IsInvalid(&Handles::CreateDatagramSocket, "", "BAD_ADDRESS");
  IsInvalid(&Handles::CreateDatagramSocket, "local: 'x'", "BAD_ADDRESS");
  IsInvalid(&Handles::CreateDatagramSocket, "peer: 'x'", "BAD_ADDRESS");
  Refuses(&Handles::Listen, "address: '192.0.2.1:0'", grpc::FAILED_PRECONDITION,
          "EADDRNOTAVAIL", "");
}

TEST_P(BadKinds, Backlogs) {
  for (const int backlog : {-1, 4097, 2147483647}) {
    IsInvalid(&Handles::Listen,
              absl::Substitute("address: '127.0.0.1:0' backlog: $0", backlog),
              "BAD_BACKLOG");
  }
}

TEST_P(BadKinds, PortsInUse) {
  const std::string taken =
      peer()
          .Must(&Handles::Listen, "address: '127.0.0.1:0'")
          .handle()
          .socket()
          .local();
  Refuses(&Handles::Listen, absl::Substitute("address: '$0'", taken),
          grpc::FAILED_PRECONDITION, "EADDRINUSE", "");
}

TEST_P(BadKinds, Timers) {
  for (const char* const timer :
       {"", "after { seconds: -1 }", "every { }", "every { seconds: -1 }",
        "after { } every { }", "after { seconds: 9000000000 }",
        "every { seconds: 9000000000 }", "at { seconds: 253402300799 }"}) {
    IsInvalid(&Handles::CreateTimer, timer, "BAD_TIMER");
  }
  IsInvalid(&Handles::CreateTimer, "after { seconds: 9223372036854775807 }",
            "BAD_DURATION");
  IsInvalid(&Handles::CreateTimer, "every { seconds: 1 nanos: -1 }",
            "BAD_DURATION");
  IsInvalid(&Handles::CreateTimer, "at { nanos: -1 }", "BAD_TIMESTAMP");
  IsInvalid(&Handles::CreateTimer, "at { seconds: 9223372036854775807 }",
            "BAD_TIMESTAMP");
}

TEST_P(BadKinds, Counters) {
  IsInvalid(&Handles::CreateCounter, "initial: 18446744073709551615",
            "BAD_COUNT");
  peer().Must(&Handles::CreateCounter, "name: 'c'");
  IsInvalid(&Handles::Write, "handle { name: 'c' } count: 18446744073709551615",
            "BAD_COUNT");
  IsInvalid(&Handles::Write, "handle { name: 'c' } data: 'x'", "BAD_CONTENT");
  Refuses(&Handles::Read, "handle { name: 'c' } max_bytes: 8 peek: true",
          grpc::UNIMPLEMENTED, "EOPNOTSUPP", "CANNOT_PEEK");
}

TEST_P(BadKinds, Paths) {
  TemporaryFolder folder;
  const std::string path = folder.path();
  const UniqueFd file(creat((path + "/file").c_str(), 0600));
  for (const char* const bad : {"", "file", "/..", "/tmp/../etc/passwd"}) {
    const std::string request = absl::Substitute("path: '$0'", bad);
    EXPECT_EQ(peer().Call(&Handles::OpenFile, request).status.error_code(),
              grpc::INVALID_ARGUMENT)
        << bad;
    EXPECT_EQ(peer().Call(&Handles::WatchPath, request).status.error_code(),
              grpc::INVALID_ARGUMENT)
        << bad;
  }
  Refuses(&Handles::OpenFile, absl::Substitute("path: '$0/none'", path),
          grpc::NOT_FOUND, "ENOENT", "");
  Refuses(&Handles::OpenFile, absl::Substitute("path: '$0'", path),
          grpc::FAILED_PRECONDITION, "EISDIR", "");
  Refuses(&Handles::OpenFile,
          absl::Substitute("path: '$0/file' write: true create: true "
                           "exclusive: true",
                           path),
          grpc::ALREADY_EXISTS, "EEXIST", "");
  IsInvalid(&Handles::OpenFile,
            absl::Substitute("path: '$0/file' append: true", path), "BAD_OPEN");
  Refuses(&Handles::WatchPath, absl::Substitute("path: '$0/none'", path),
          grpc::NOT_FOUND, "ENOENT", "");
  IsInvalid(&Handles::WatchPath,
            absl::Substitute("path: '$0' events: 8192", path), "BAD_EVENTS");
  IsInvalid(&Handles::WatchPath,
            absl::Substitute("path: '$0' events: -1", path), "BAD_EVENTS");
}

TEST_P(BadKinds, Names) {
  const std::string makers[] = {"name: 'taken'", "name: '7'", "name: 'a b'"};
  peer().Must(&Handles::CreateCounter, "name: 'taken'");
  for (const std::string& name : makers) {
    const grpc::StatusCode code =
        name == makers[0] ? grpc::ALREADY_EXISTS : grpc::INVALID_ARGUMENT;
    const auto refuses = [&](auto method, const std::string& more) {
      EXPECT_EQ(peer().Call(method, name + more).status.error_code(), code)
          << name << more;
    };
    refuses(&Handles::Listen, " address: '127.0.0.1:0'");
    refuses(&Handles::Connect, " address: '127.0.0.1:1'");
    refuses(&Handles::CreateDatagramSocket, " local: '127.0.0.1:0'");
    refuses(&Handles::CreateTimer, " after { }");
    refuses(&Handles::CreateCounter, "");
    refuses(&Handles::OpenFile, " path: '/dev/null'");
    refuses(&Handles::WatchPath, " path: '/'");
  }
}

TEST_P(BadKinds, HandlesThatAreNotThere) {
  Peer stranger(address());
  stranger.MakePipe("theirs", "");
  peer().MakePipe("in", "out");
  peer().MakePipe("gone", "");
  const std::int64_t closed = peer().IdOf("gone");
  peer().Close("gone");
  for (const std::string& handle :
       {std::string("id: 0"), std::string("name: 'theirs'"),
        absl::StrCat("id: ", stranger.IdOf("theirs")),
        absl::StrCat("id: ", closed)}) {
    const auto unknown = [&](auto method, const std::string& format) {
      Refuses(method, absl::Substitute(format, handle), grpc::NOT_FOUND,
              "ENOENT", "HANDLE_UNKNOWN");
    };
    unknown(&Handles::Accept, "listener { $0 }");
    unknown(&Handles::Transfer, "from { $0 } to { name: 'out' } max_bytes: 1");
    unknown(&Handles::Transfer, "from { name: 'in' } to { $0 } max_bytes: 1");
  }
}

TEST_P(BadKinds, Transfers) {
  peer().MakePipe("in", "out");
  peer().MakePipe("in2", "out2", 4096);
  peer().Must(&Handles::CreateCounter, "name: 'c'");
  const std::string pair = "from { name: 'in' } to { name: 'out2' } ";
  for (const char* const bytes : {"", "max_bytes: -1", "max_bytes: 2000000"}) {
    IsInvalid(&Handles::Transfer, pair + bytes, "BAD_SIZE");
  }
  IsInvalid(&Handles::Transfer,
            "from { name: 'in' } to { name: 'in' } max_bytes: 1",
            "SAME_HANDLE");
  Refuses(&Handles::Transfer,
          "from { name: 'c' } to { name: 'out' } max_bytes: 1",
          grpc::FAILED_PRECONDITION, "EBADF", "");
  Refuses(&Handles::Transfer,
          "from { name: 'out' } to { name: 'out2' } max_bytes: 1",
          grpc::FAILED_PRECONDITION, "EBADF", "");

  peer().Write("out2", std::string(4096, 'x'));
  peer().Write("out", "word");
  EXPECT_EQ(peer().Must(&Handles::Transfer, pair + "max_bytes: 4").stop(),
            v1::TRANSFER_STOP_DESTINATION_FULL);
  peer().Close("in2");
  Refuses(&Handles::Transfer, pair + "max_bytes: 4", grpc::FAILED_PRECONDITION,
          "EPIPE", "");
  EXPECT_EQ(peer().Read("in"), "word");
}

TEST_P(BadKinds, UsesThatAKindHasNot) {
  peer().MakePipe("in", "out");
  peer().MakeSocketPair("left", "right");
  peer().Must(&Handles::Listen, "name: 'door' address: '127.0.0.1:0'");
  Refuses(&Handles::Accept, "listener { name: 'left' }",
          grpc::FAILED_PRECONDITION, "EBADF", "NOT_A_LISTENER");
  Refuses(&Handles::Read, "handle { name: 'door' } max_bytes: 1",
          grpc::FAILED_PRECONDITION, "EBADF", "");
  IsInvalid(&Handles::Write,
            "handle { name: 'left' } data: 'x' destination: '127.0.0.1:1'",
            "BAD_CONTENT");
  IsInvalid(&Handles::Write,
            "handle { name: 'left' } data: 'x' destination: 'x'",
            "BAD_ADDRESS");
  IsInvalid(&Handles::Write, "handle { name: 'out' } count: 1", "BAD_CONTENT");
  Refuses(&Handles::Write, "handle { name: 'out' } data: 'x' out_of_band: true",
          grpc::INVALID_ARGUMENT, "ENOTSOCK", "");
  Refuses(&Handles::Read,
          "handle { name: 'in' } max_bytes: 1 out_of_band: true",
          grpc::INVALID_ARGUMENT, "ENOTSOCK", "");
}

// ---- What a policy grants, and nothing beyond it.

class GrantedKinds : public testing::Test {
 protected:
  GrantedKinds() {
    MustSucceed(mkdir(Full("root").c_str(), 0700), "mkdir");
    for (const char* const name : {"root/file", "secret"}) {
      const UniqueFd file(creat(Full(name).c_str(), 0600));
    }
    MustSucceed(symlink("../secret", Full("root/out").c_str()), "symlink");
    MustSucceed(symlink("file", Full("root/in").c_str()), "symlink");
    MustSucceed(symlink("..", Full("root/up").c_str()), "symlink");
    server::Grant grant{.name = "some"};
    grant.to = {server::Grantee{.anyone = true}};
    grant.verbs = server::kBasicVerbs;
    for (const server::Verb verb :
         {server::Verb::kOpen, server::Verb::kListen, server::Verb::kConnect}) {
      grant.verbs.Add(verb);
    }
    grant.listen = {{*server::ParseIpRange("127.0.0.1"), {}}};
    grant.unix_sockets = {{.directory = Full("root")}};
    grant.roots = {{.path = Full("root"), .write = false}};
    server::PolicySpec spec{.mode = server::Mode::kSystem};
    spec.grants = {grant};
    server_ = *server::Server::Start(
        {.listen = {"unix:" + Full("s")},
         .policy = std::make_shared<server::Policy>(std::move(spec))});
    peer_ = std::make_unique<Peer>(server_->addresses().front());
  }

  std::string Full(const std::string& name) {
    return folder_.path() + "/" + name;
  }
  template <class Method>
  grpc::Status Try(Method method, const std::string& format,
                   const std::string& argument) {
    return peer_->Call(method, absl::Substitute(format, argument)).status;
  }

  TemporaryFolder folder_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Peer> peer_;
};

TEST_F(GrantedKinds, PathsStayInTheirRoot) {
  const auto open = [&](const std::string& path) {
    return Try(&Handles::OpenFile, "path: '$0'", path);
  };
  const auto watch = [&](const std::string& path) {
    return Try(&Handles::WatchPath, "path: '$0'", path);
  };
  EXPECT_THAT(open(Full("root/file")), Succeeds());
  EXPECT_THAT(watch(Full("root")), Succeeds());
  for (const char* const link : {"root/out", "root/in", "root/up/secret"}) {
    EXPECT_THAT(open(Full(link)),
                Fails(grpc::PERMISSION_DENIED, "ELOOP", "PATH_ESCAPES"));
    EXPECT_THAT(watch(Full(link)),
                Fails(grpc::PERMISSION_DENIED, "ELOOP", "PATH_ESCAPES"));
  }
  for (const std::string& path : {Full("secret"), std::string("/etc/passwd")}) {
    EXPECT_THAT(open(path),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH"));
    EXPECT_THAT(watch(path),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH"));
  }
  EXPECT_EQ(open(Full("root/../secret")).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(
      Try(&Handles::OpenFile, "path: '$0' write: true", Full("root/file")),
      Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH"));
}

TEST_F(GrantedKinds, SocketsStayWhereTheyMay) {
  const auto listen = [&](const std::string& address) {
    return Try(&Handles::Listen, "address: '$0'", address);
  };
  const auto connect = [&](const std::string& address) {
    return Try(&Handles::Connect, "address: '$0'", address);
  };
  const auto no_address =
      Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ADDRESS");
  const auto no_path = Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH");
  EXPECT_THAT(listen("127.0.0.1:0"), Succeeds());
  EXPECT_THAT(listen("unix:" + Full("root/door")), Succeeds());
  EXPECT_THAT(connect("unix:" + Full("root/door")), Succeeds());
  EXPECT_THAT(listen("0.0.0.0:0"), no_address);
  EXPECT_THAT(listen("[::1]:0"), no_address);
  EXPECT_THAT(connect("127.0.0.1:1"), no_address);
  EXPECT_THAT(connect("169.254.169.254:80"), no_address);
  EXPECT_THAT(listen("unix:" + Full("door")), no_path);
  EXPECT_THAT(listen("unix:@door"), no_path);
  EXPECT_THAT(connect("unix:" + Full("s")), no_path);
  EXPECT_THAT(listen("unix:" + Full("root/up/door")),
              Fails(grpc::PERMISSION_DENIED, "ELOOP", "PATH_ESCAPES"));
  peer_->Must(&Handles::CreateDatagramSocket,
              "name: 'udp' local: '127.0.0.1:0'");
  EXPECT_THAT(Try(&Handles::Write, "handle { name: 'udp' } destination: '$0'",
                  "127.0.0.1:53"),
              no_address);
  EXPECT_THAT(Try(&Handles::CreateDatagramSocket, "peer: '$0'", "127.0.0.1:53"),
              no_address);
}

}  // namespace
}  // namespace farpoll
