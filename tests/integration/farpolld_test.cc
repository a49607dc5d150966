// tests/integration/farpolld_test.cc: room: tests. The server's program, as its
// users start and stop it.
#include "tests/integration/farpolld.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"

namespace farpoll {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

int LinesIn(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// ---- Starting.

TEST_F(FarpolldTest, ServesOverAPrivateSocket) {
  Farpolld farpolld({UnixFlag()});

  EXPECT_EQ(farpolld.AwaitAddress(), "unix:" + SocketPath());

  EXPECT_EQ(ModeOf(SocketPath()), 0600u);
  Peer(std::string("unix:") + SocketPath()).MakePipe("in", "out");
}

TEST_F(FarpolldTest, ServesTheUsersOwnSocketByDefault) {
  Farpolld farpolld({}, {"XDG_RUNTIME_DIR=" + folder_.path()});
  const std::string path = folder_.path() + "/farpoll/farpolld.sock";

  EXPECT_EQ(farpolld.AwaitAddress(), "unix:" + path);

  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(ModeOf(folder_.path() + "/farpoll"), 0700u);
}

TEST_F(FarpolldTest, ServesSeveralAddresses) {
  Farpolld farpolld({UnixFlag(), "--listen=127.0.0.1:0"});

  const std::vector<std::string> addresses =
      absl::StrSplit(farpolld.AwaitAddress(), ", ");

  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_FALSE(absl::EndsWith(addresses[1], ":0"));
  for (const std::string& address : addresses) {
    Peer(address).MakePipe("in", "out");
  }
}

TEST_F(FarpolldTest, TakesAddressesFromTheEnvironment) {
  Farpolld farpolld({}, {"FARPOLLD_LISTEN=unix:" + SocketPath()});

  EXPECT_EQ(farpolld.AwaitAddress(), "unix:" + SocketPath());
}

TEST_F(FarpolldTest, TakesLimitsFromFlags) {
  Farpolld farpolld({UnixFlag(), "--max-session-handles=2"});
  Peer peer(farpolld.AwaitAddress());
  peer.MakePipe("in", "out");

  EXPECT_THAT(
      peer.Call(&Handles::CreatePipe, ""),
      Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "LIMIT_SESSION_HANDLES"));
}

TEST_F(FarpolldTest, ReplacesASocketThatNobodyListensOn) {
  {
    Farpolld killed({UnixFlag()});
    killed.AwaitAddress();
    killed.Signal(SIGKILL);
    killed.Wait();
  }
  ASSERT_EQ(access(SocketPath().c_str(), F_OK), 0);

  Farpolld farpolld({UnixFlag()});

  Peer(farpolld.AwaitAddress()).MakePipe("in", "out");
}

TEST_F(FarpolldTest, SaysItsVersionAndHelp) {
  Farpolld version({"--version"});
  EXPECT_EQ(version.ReadLine(), "farpolld 0.1.0");
  EXPECT_EQ(version.Wait(), 0);
  Farpolld help({"--help"});
  EXPECT_THAT(help.ReadLine(), HasSubstr("farpolld"));
  EXPECT_EQ(help.Wait(), 0);
}

// ---- Not starting.

TEST_F(FarpolldTest, ATakenSocketIsOneClearLine) {
  Farpolld farpolld({UnixFlag()});
  farpolld.AwaitAddress();

  EXPECT_EQ(Refused({UnixFlag()}, kFailure),
            absl::StrCat("farpolld: cannot listen on unix:", SocketPath(),
                         ": another server listens there\n"));

  Peer("unix:" + SocketPath()).MakePipe("in", "out");
}

TEST_F(FarpolldTest, ATakenPortIsOneClearLine) {
  Farpolld farpolld({"--listen=127.0.0.1:0"});
  const std::string address = farpolld.AwaitAddress();

  EXPECT_EQ(Refused({"--listen=" + address}, kFailure),
            absl::StrCat("farpolld: cannot listen on ", address,
                         ": another server listens there\n"));
}

TEST_F(FarpolldTest, AFileInTheWayStays) {
  std::ofstream(SocketPath()) << "precious";

  EXPECT_EQ(Refused({UnixFlag()}, kFailure),
            absl::StrCat("farpolld: cannot listen on unix:", SocketPath(),
                         ": File exists\n"));

  EXPECT_EQ(access(SocketPath().c_str(), F_OK), 0);
}

TEST_F(FarpolldTest, AFolderThatIsMissingIsOneClearLine) {
  EXPECT_THAT(
      Refused({"--listen=unix:" + folder_.path() + "/none/s"}, kFailure),
      HasSubstr("/none/s: No such file or directory\n"));
}

TEST_F(FarpolldTest, AFolderOpenToOthersIsRefused) {
  const std::string folder = folder_.path() + "/farpoll";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);

  EXPECT_EQ(Refused({}, kFailure, {"XDG_RUNTIME_DIR=" + folder_.path()}),
            absl::StrCat("farpolld: ", folder,
                         " must be a folder of yours with mode 0700\n"));
}

struct BadFlagRow {
  const char* name;
  std::vector<std::string> flags;
  const char* said;
};

class BadFlagTest : public FarpolldTest,
                    public testing::WithParamInterface<BadFlagRow> {};

TEST_P(BadFlagTest, IsOneClearLine) {
  const std::string errors = Refused(GetParam().flags, kUsage);

  EXPECT_THAT(errors, HasSubstr(GetParam().said));
  // At most one more, which points to the help.
  EXPECT_EQ(LinesIn(errors),
            absl::EndsWith(errors, "\nsee: farpolld --help\n") ? 2 : 1);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadFlagTest,
    testing::Values(
        BadFlagRow{"Unknown", {"--frobnicate"}, "--frobnicate"},
        BadFlagRow{"Argument", {"frobnicate"}, "frobnicate"},
        BadFlagRow{"LimitNegative", {"--max-handles=-5"}, "max_handles is -5"},
        BadFlagRow{"LimitTooBig", {"--max-credits=65"}, "max_credits is 65"},
        BadFlagRow{"LimitWord", {"--max-handles=many"}, "many"},
        BadFlagRow{"Address", {"--listen=nowhere"}, "nowhere"},
        BadFlagRow{"Port", {"--listen=127.0.0.1:99999"}, "127.0.0.1:99999"},
        BadFlagRow{"NotLoopback", {"--listen=0.0.0.0:0"}, "only loopback"},
        BadFlagRow{"NotLoopbackSix", {"--listen=[::]:0"}, "only loopback"},
        BadFlagRow{"Grace", {"--grace=soon"}, "--grace soon"},
        BadFlagRow{"GraceNegative", {"--grace=-1s"}, "--grace -1s"},
        BadFlagRow{"LogLevel", {"--log-level=loud"}, "--log-level loud"},
        BadFlagRow{"Mode", {"--mode=public"}, "--mode public: expected"},
        BadFlagRow{"LogFormat", {"--log-format=xml"}, "--log-format xml"}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Stopping.

class StopTest : public FarpolldTest,
                 public testing::WithParamInterface<int> {};

TEST_P(StopTest, EndsOpenStreamsAndLeavesNothing) {
  // Once its calls are over, this client is deaf to the server's farewell; the
  // grace time bounds how long that can hold the server up.
  Farpolld farpolld({UnixFlag(), "--grace=500ms"});
  Peer peer(farpolld.AwaitAddress());
  peer.MakePipe("in", "out");
  peer.MakeSelector("a");
  peer.MakeSelector("b");
  WaitStream wait(peer, "a");
  wait.AwaitOpen();
  auto poll = std::async(std::launch::async, [&] {
    return peer.Call(&Selectors::Poll, "selector { name: 'b' }").status;
  });
  Await([&] { return peer.Waiting("b"); }, "the Poll waits");

  EXPECT_EQ(farpolld.Stop(GetParam()), 0);

  for (const grpc::Status& status : {wait.Finish(), poll.get()}) {
    EXPECT_THAT(status, Fails(grpc::UNAVAILABLE, "", "SERVER_STOPPING"));
  }
  EXPECT_NE(access(SocketPath().c_str(), F_OK), 0);
  EXPECT_THAT(peer.Call(&Sessions::GetSession, ""),
              Fails(grpc::UNAVAILABLE, "", ""));
}

INSTANTIATE_TEST_SUITE_P(By, StopTest, testing::Values(SIGTERM, SIGINT),
                         [](const auto& info) {
                           return std::string(info.param == SIGTERM ? "Sigterm"
                                                                    : "Sigint");
                         });

TEST_F(FarpolldTest, ClosesWhatASessionOwned) {
  Farpolld farpolld({UnixFlag(), "--debuggable"});
  const std::string address = farpolld.AwaitAddress();
  Peer host(address, "");
  host.Must(&ServerInfo::GetServer, "");
  const int before = farpolld.CountDescriptors();
  {
    Peer peer(address);
    for (int i = 0; i < 20; ++i) {
      peer.MakePipe("", "");
      peer.MakeSelector("");
    }
    EXPECT_GE(farpolld.CountDescriptors(), before + 60);
  }

  Await([&] { return farpolld.CountDescriptors() == before; },
        "descriptors are closed");
}

// ---- What others see of it.

// `command`, of a user without capabilities, as root too.
std::vector<std::string> Powerless(std::vector<std::string> command) {
  if (geteuid() == 0) {
    const std::vector<std::string> powerless = {
        "/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"};
    command.insert(command.begin(), powerless.begin(), powerless.end());
  }
  return command;
}

// Whether a process of its user can look into farpolld run with `flags`.
bool CanBeLookedInto(std::vector<std::string> flags) {
  flags.insert(flags.begin(), std::getenv("FARPOLLD"));
  ChildProcess server(Powerless(std::move(flags)));
  EXPECT_THAT(server.ReadLine(), HasSubstr("listening on"));
  // The first link is the looker's own.
  ChildProcess look(Powerless({"/bin/sh", "-c",
                               "readlink /proc/self/exe; "
                               "readlink /proc/$0/exe",
                               absl::StrCat(server.pid())}));
  EXPECT_THAT(look.ReadLine(), HasSubstr("readlink"));
  return !look.ReadLine().empty();
}

TEST_F(FarpolldTest, NoProcessOfItsUserLooksIntoItUnlessItMay) {
  EXPECT_FALSE(CanBeLookedInto({UnixFlag()}));
  EXPECT_TRUE(CanBeLookedInto({UnixFlag(), "--debuggable"}));
}

TEST_F(FarpolldTest, SpawnsOpensAndListensThoughNobodyLooksIntoIt) {
  const std::vector<std::string> command =
      Powerless({std::getenv("FARPOLLD"), UnixFlag()});
  ChildProcess server(command);
  EXPECT_THAT(server.ReadLine(), HasSubstr("listening on"));
  std::ofstream(folder_.path() + "/file") << "x";
  Peer peer("unix:" + SocketPath());

  EXPECT_THAT(peer.Call(&Handles::Spawn, "argv: 'true'"), Succeeds());
  EXPECT_THAT(peer.Call(&Handles::OpenFile,
                        absl::StrCat("path: '", folder_.path(), "/file'")),
              Succeeds());
  EXPECT_THAT(peer.Call(&Handles::WatchPath,
                        absl::StrCat("path: '", folder_.path(), "'")),
              Succeeds());
  EXPECT_THAT(
      peer.Call(&Handles::Listen,
                absl::StrCat("address: 'unix:", folder_.path(), "/listener'")),
      Succeeds());
}

// ---- Logs.

TEST_F(FarpolldTest, LogsForMachines) {
  Farpolld farpolld({UnixFlag(), "--log-format=json"});
  { Peer peer(farpolld.AwaitAddress()); }
  ASSERT_EQ(farpolld.Stop(), 0);

  std::vector<std::string> events;
  std::istringstream lines(farpolld.Errors());
  for (std::string line; std::getline(lines, line);) {
    events.push_back(nlohmann::json::parse(line).at("event"));
  }

  EXPECT_THAT(events,
              testing::ElementsAre("server.listening", "session.created",
                                   "session.deleted", "server.stopping",
                                   "server.stopped"));
}

TEST_F(FarpolldTest, LogsForPeopleWithoutSecrets) {
  Farpolld farpolld({UnixFlag()});
  std::string session;
  {
    Peer peer(farpolld.AwaitAddress());
    session = peer.session();
  }
  ASSERT_EQ(farpolld.Stop(), 0);
  const std::string errors = farpolld.Errors();

  EXPECT_THAT(errors, HasSubstr(" info session.created id="));
  EXPECT_THAT(errors, testing::Not(HasSubstr(session)));
}

TEST_F(FarpolldTest, LogsNothingWhenToldSo) {
  Farpolld farpolld({UnixFlag(), "--log-level=off"});
  { Peer peer(farpolld.AwaitAddress()); }
  ASSERT_EQ(farpolld.Stop(), 0);

  EXPECT_THAT(farpolld.Errors(), IsEmpty());
}

}  // namespace
}  // namespace farpoll
