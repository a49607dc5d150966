// tests/integration/policy_file_test.cc: room: tests. The configuration file in
// the life of farpolld: checked, read, read again.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class PolicyFileTest : public FarpolldTest {
 protected:
  std::string ConfigPath() const { return folder_.path() + "/farpolld.cfg"; }
  std::string AuditPath() const { return folder_.path() + "/audit"; }
  std::string ConfigFlag() const { return "--config=" + ConfigPath(); }

  void Write(const std::string& text) const {
    std::ofstream(ConfigPath()) << text;
    ASSERT_EQ(chmod(ConfigPath().c_str(), 0600), 0);
  }

  // Has `farpolld` read its file again; that is over when its audit log, the
  // last that it sees to, has come back.
  void Reload(Farpolld& farpolld) const {
    ASSERT_EQ(unlink(AuditPath().c_str()), 0);
    farpolld.Signal(SIGHUP);
    Await([&] { return access(AuditPath().c_str(), F_OK) == 0; },
          "the audit log is opened again");
  }

  // The audit log, as "deny spawn /bin/echo POLICY_TEMPLATE".
  std::vector<std::string> Audited() const {
    std::vector<std::string> decisions;
    std::ifstream file(AuditPath());
    for (std::string line; std::getline(file, line);) {
      const auto audit = nlohmann::json::parse(line);
      decisions.push_back(absl::StrCat(audit["decision"].get<std::string>(),
                                       " ", audit["verb"].get<std::string>(),
                                       " ", audit["object"].get<std::string>(),
                                       " ", audit["rule"].get<std::string>()));
    }
    return decisions;
  }

  std::vector<std::string> Flags() const {
    return {UnixFlag(), ConfigFlag(), "--audit-log=" + AuditPath()};
  }
};

// ---- Checking.

TEST_F(PolicyFileTest, AGoodFilePassesTheCheck) {
  Write("mode: \"system\"\n");

  Farpolld check({"--check-config=" + ConfigPath()});

  EXPECT_EQ(check.ReadLine(), ConfigPath() + ": good");
  EXPECT_EQ(check.Wait(), 0);
  EXPECT_EQ(check.Errors(), "");
}

TEST_F(PolicyFileTest, ABadFileFailsTheCheckWithEveryPlace) {
  Write(
      "mode: \"systm\"\ngrant {\n  name: \"g\"\n  to { uid: 1 }\n"
      "  verb: \"fly\"\n}\n");

  Farpolld check({"--check-config=" + ConfigPath()});

  EXPECT_EQ(check.ReadLine(), "");
  EXPECT_EQ(check.Wait(), kFailure);
  EXPECT_THAT(
      check.Errors(),
      AllOf(
          HasSubstr(ConfigPath() + ":1:1: mode: expected private or system\n"),
          HasSubstr(ConfigPath() + ":5:3: verb: expected a verb, one of ")));
}

// ---- Starting.

TEST_F(PolicyFileTest, ABadFileKeepsTheServerFromStarting) {
  Write("mode: 7\n");

  EXPECT_EQ(Refused(Flags(), kFailure),
            absl::StrCat("farpolld: ", ConfigPath(),
                         ":1:7: Expected string, got: 7\n"));
}

TEST_F(PolicyFileTest, AMissingFileKeepsTheServerFromStarting) {
  EXPECT_EQ(Refused(Flags(), kFailure),
            absl::StrCat("farpolld: ", ConfigPath(),
                         ": No such file or directory\n"));
}

TEST_F(PolicyFileTest, AFileThatOthersCanWriteIsRefused) {
  Write("");
  ASSERT_EQ(chmod(ConfigPath().c_str(), 0622), 0);

  EXPECT_THAT(Refused(Flags(), kFailure), HasSubstr("its owner alone"));
}

TEST_F(PolicyFileTest, AFifoIsRefusedInsteadOfWaitedFor) {
  ASSERT_EQ(mkfifo(ConfigPath().c_str(), 0600), 0);

  EXPECT_THAT(Refused(Flags(), kFailure), HasSubstr("a regular file"));
}

TEST_F(PolicyFileTest, AnAuditLogThatCannotBeOpenedKeepsItFromStarting) {
  EXPECT_THAT(
      Refused({UnixFlag(), "--audit-log=" + folder_.path() + "/none/audit"},
              kFailure),
      HasSubstr("/none/audit: No such file or directory"));
}

// ---- Reading again.

TEST_F(PolicyFileTest, AGoodFileDecidesFromThenOn) {
  Write("mode: 'system'\n");
  Farpolld farpolld(Flags());
  Peer peer(farpolld.AwaitAddress());
  peer.MakePipe("in", "out");

  Write(absl::StrCat("mode: 'system' no_basics: true\n",
                     "grant { name: 'me' to { uid: ", getuid(),
                     " } verb: 'inspect' verb: 'read' }\n"));
  Reload(farpolld);

  EXPECT_THAT(peer.Call(&Handles::CreatePipe, ""),
              Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_VERB"));
  EXPECT_THAT(peer.Call(&Handles::Write, "handle { name: 'out' } data: 'x'"),
              Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_VERB"));
  EXPECT_THAT(peer.Call(&Handles::Read, "handle { name: 'in' } max_bytes: 1"),
              Succeeds());

  Write("mode: 'private'\n");
  Reload(farpolld);

  peer.Must(&Handles::Write, "handle { name: 'out' } data: 'x'");
}

TEST_F(PolicyFileTest, QuotasHoldWhatAPrincipalHasInAllItsSessions) {
  const std::string quotas =
      "grant { name: 'all' to { anyone: true }"
      " quota { limit: 'max_sessions' most: 2 }"
      " quota { limit: 'max_session_selectors' most: 1 }"
      " quota { limit: 'max_handles' most: ";
  Write(quotas + "4 } }");
  Farpolld farpolld(Flags());
  const std::string address = farpolld.AwaitAddress();
  Peer first(address);
  Peer second(address);
  first.MakePipe("", "");
  second.MakePipe("", "");
  second.MakeSelector("");

  EXPECT_THAT(second.Call(&Handles::CreatePipe, ""),
              Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "QUOTA_HANDLES"));
  EXPECT_THAT(first.Call(&Sessions::CreateSession, ""),
              Fails(grpc::RESOURCE_EXHAUSTED, "EAGAIN", "QUOTA_SESSIONS"));
  EXPECT_THAT(
      second.Call(&Selectors::CreateSelector, "kind: SELECTOR_KIND_POLL"),
      Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "LIMIT_SESSION_SELECTORS"));

  Write(quotas + "6 } }");
  Reload(farpolld);

  second.MakePipe("", "");
}

TEST_F(PolicyFileTest, RefusalsAreInTheAuditLog) {
  Write(
      "mode: 'system' no_basics: true\n"
      "grant { name: 'all' to { anyone: true } verb: 'inspect' }");
  Farpolld farpolld(Flags());
  {
    Peer peer(farpolld.AwaitAddress());
    peer.Call(&Handles::CreatePipe, "");
  }
  ASSERT_EQ(farpolld.Stop(), 0);

  std::ifstream file(AuditPath());
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const auto audit = nlohmann::json::parse(line);
  EXPECT_EQ(audit["decision"], "deny");
  EXPECT_EQ(audit["principal"], absl::StrCat("uid:", getuid()));
  EXPECT_EQ(audit["pid"], absl::StrCat(getpid()));
  EXPECT_EQ(audit["verb"], "create.pipe");
  EXPECT_EQ(audit["object"], "/farpoll.v1.HandleService/CreatePipe");
  EXPECT_EQ(audit["rule"], "POLICY_VERB");
  EXPECT_FALSE(std::getline(file, line)) << line;
}

TEST_F(PolicyFileTest, ASystemServersSocketIsForItsGroup) {
  Farpolld farpolld({UnixFlag(), "--mode=system"});
  farpolld.AwaitAddress();

  EXPECT_EQ(ModeOf(SocketPath()), 0660u);
}

TEST_F(PolicyFileTest, ABadFileIsToldAndTheOldOneStays) {
  Write("mode: \"private\"\n");
  Farpolld farpolld(Flags());
  {
    Peer peer(farpolld.AwaitAddress());
    Write("mode: \"private\"\nno_basics: perhaps\n");

    Reload(farpolld);

    peer.MakePipe("in", "out");
  }
  ASSERT_EQ(farpolld.Stop(), 0);
  EXPECT_THAT(farpolld.Errors(),
              AllOf(HasSubstr(" error policy.rejected "),
                    HasSubstr(ConfigPath() + ":2:12: Invalid value")));
}

TEST_F(PolicyFileTest, WithoutAnythingToReadAHangUpStopsTheServer) {
  Farpolld farpolld({UnixFlag()});
  farpolld.AwaitAddress();

  EXPECT_EQ(farpolld.Stop(SIGHUP), 0);
}

// ---- What a grant's objects allow, through the API.

TEST_F(PolicyFileTest, OnlyGrantedTemplatesRun) {
  const std::string grant =
      absl::StrCat("grant { name: 'me' to { uid: ", getuid(), " } ");
  Write(
      "mode: 'system'"
      " spawn_template { name: 'say' program: '/bin/echo' argument: 'h*' }" +
      grant + "verb: 'spawn' spawn_template: 'say' }");
  Farpolld farpolld(Flags());
  {
    Peer peer(farpolld.AwaitAddress());
    const auto spawn = [&](const char* request) {
      return peer.Call(&Handles::Spawn, request);
    };
    EXPECT_THAT(spawn("template: 'say' argv: 'hi'"), Succeeds());
    EXPECT_THAT(spawn("template: 'say' argv: 'bye'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ARGUMENT"));
    EXPECT_THAT(spawn("argv: '/bin/echo' argv: 'hi'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_TEMPLATE"));
    EXPECT_THAT(spawn("template: 'shell'"),
                Fails(grpc::NOT_FOUND, "ENOENT", "TEMPLATE_UNKNOWN"));
  }
  ASSERT_EQ(farpolld.Stop(), 0);

  EXPECT_THAT(Audited(), ElementsAre("allow spawn /bin/echo template:say",
                                     "deny spawn say POLICY_ARGUMENT",
                                     "deny spawn /bin/echo POLICY_TEMPLATE",
                                     "deny spawn shell TEMPLATE_UNKNOWN"));
}

TEST_F(PolicyFileTest, ATemplateHasNoMoreOfAResourceThanTheServer) {
  const rlimit cores{4096, 4096};  // the server inherits it
  ASSERT_EQ(setrlimit(RLIMIT_CORE, &cores), 0);
  Write(absl::StrCat(
      "mode: 'system' spawn_template { name: 't' program: '/bin/true' }"
      " grant { name: 'me' to { uid: ",
      getuid(), " } verb: 'spawn' spawn_template: 't' }"));
  Farpolld farpolld(Flags());
  Peer peer(farpolld.AwaitAddress());
  const auto ask = [&](const char* limit) {
    return peer.Call(
        &Handles::Spawn,
        absl::StrCat("template: 't' limits { resource: 'core' ", limit, " }"));
  };

  EXPECT_THAT(ask("soft: 4096"), Succeeds());
  EXPECT_THAT(ask("soft: 4096 hard: 4097"),
              Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_LIMIT"));
  EXPECT_THAT(ask("soft: -1"),
              Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_LIMIT"));
}

TEST_F(PolicyFileTest, SpawnIsHeldToThePrincipalsOwnLimits) {
  Write(absl::StrCat("mode: 'system' grant { name: 'me' to { uid: ", getuid(),
                     " } verb: 'spawn' free_argv: true"
                     " quota { limit: 'max_child_sockets' most: 1 }"
                     " quota { limit: 'max_grace_ms' most: 1000 }"
                     " quota { limit: 'max_pipe_bytes' most: 4096 } }"));
  Farpolld farpolld(Flags());
  Peer peer(farpolld.AwaitAddress());
  const auto spawn = [&](const char* request) {
    return peer.Call(&Handles::Spawn, absl::StrCat("argv: 'true' ", request));
  };

  EXPECT_THAT(spawn("sockets { number: 3 } grace { seconds: 1 }"
                    " pipe_capacity_bytes: 4096"),
              Succeeds());
  EXPECT_THAT(spawn("sockets { number: 3 } sockets { number: 4 }"),
              Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "LIMIT_CHILD_SOCKETS"));
  EXPECT_THAT(spawn("grace { seconds: 2 }"),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_GRACE"));
  EXPECT_THAT(spawn("pipe_capacity_bytes: 4097"),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_SIZE"));
}

TEST_F(PolicyFileTest, OnlyGrantedRootsAndAddressesAreReached) {
  const std::string root = folder_.path() + "/root";
  ASSERT_EQ(mkdir(root.c_str(), 0700), 0);
  std::ofstream(root + "/file") << "x";
  Write(absl::StrCat("mode: 'system' grant { name: 'me' to { uid: ", getuid(),
                     " } verb: ['open', 'connect', 'listen'] root { path: '",
                     root,
                     "' } listen { range: '127.0.0.1' ports { first: 0 } }"
                     " connect { range: '0.0.0.0/0' } }"));
  Farpolld farpolld(Flags());
  {
    Peer peer(farpolld.AwaitAddress());
    EXPECT_THAT(
        peer.Call(&Handles::OpenFile, absl::StrCat("path: '", root, "/file'")),
        Succeeds());
    EXPECT_THAT(peer.Call(&Handles::OpenFile, "path: '/etc/passwd'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH"));
    EXPECT_THAT(peer.Call(&Handles::WatchPath, "path: '/etc'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_PATH"));
    EXPECT_THAT(peer.Call(&Handles::Listen, "address: '127.0.0.1:0'"),
                Succeeds());
    EXPECT_THAT(peer.Call(&Handles::Listen, "address: '0.0.0.0:0'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ADDRESS"));
    for (const char* const address :
         {"127.0.0.1:80", "169.254.169.254:80", "[::1]:80",
          "[::ffff:169.254.169.254]:80"}) {
      EXPECT_THAT(peer.Call(&Handles::Connect,
                            absl::StrCat("address: '", address, "'")),
                  Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ADDRESS"))
          << address;
    }
    EXPECT_THAT(peer.Call(&Handles::CreateDatagramSocket,
                          "name: 'udp' local: '127.0.0.1:0'"),
                Succeeds());
    EXPECT_THAT(peer.Call(&Handles::Write,
                          "handle { name: 'udp' } data: 'x'"
                          " destination: '127.0.0.1:53'"),
                Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_ADDRESS"));
  }
  ASSERT_EQ(farpolld.Stop(), 0);

  EXPECT_THAT(Audited(), SizeIs(11));
}

}  // namespace
}  // namespace farpoll
