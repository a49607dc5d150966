// tests/server/authority/authority_test.cc: room: tests. What is recorded of
// decisions, and that recording never holds anybody up.
#include "server/authority/authority.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/authority/audit_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uid_t kOwn = 500;
const Principal kOwner = Principal::Local(kOwn, kOwn, 41);
const Principal kUser = Principal::Local(1000, 100, 42);

std::shared_ptr<const Policy> DefaultOf(Mode mode) {
  return std::make_shared<const Policy>(Policy::Default(mode, kOwn));
}

// An authority and what it recorded, as "allow uid:500 spawn /bin/ls own-user".
class AuthorityTest : public testing::Test {
 protected:
  Authority Make(Mode mode) {
    return Authority(DefaultOf(mode), [this](const AuditRecord& record) {
      records_.push_back(absl::StrCat(
          record.allowed ? "allow " : "deny ", record.principal.Key(), " ",
          VerbName(record.verb), " ", record.object, " ", record.rule));
      hashes_.push_back(record.argv_hash);
    });
  }

  std::vector<std::string> records_;
  std::vector<std::string> hashes_;
};

TEST_F(AuthorityTest, RecordsWhatReachesOutside) {
  const Authority authority = Make(Mode::kPrivate);
  const IpAddress address = *ParseIpAddress("::1");

  EXPECT_THAT(authority.AuthorizeSpawn(kOwner, {.argv = {"/bin/ls", "-l"}}),
              IsOk());
  EXPECT_THAT(authority.AuthorizeConnect(kOwner, address, 80), IsOk());
  EXPECT_THAT(authority.AuthorizeListen(kOwner, address, 0), IsOk());
  EXPECT_THAT(authority.AuthorizeUnixSocket(kOwner, Verb::kConnect, "/run/s"),
              IsOk());
  EXPECT_THAT(authority.AuthorizeOpen(kOwner, "/etc/motd", FileAccess::kRead),
              IsOk());
  EXPECT_THAT(authority.AuthorizePassing(kOwner, {Verb::kPass}, "handles: in"),
              IsOk());
  EXPECT_THAT(authority.AuthorizePassing(kOwner, {Verb::kFetch, Verb::kRead},
                                         "handle in"),
              IsOk());

  EXPECT_THAT(records_,
              ElementsAre("allow uid:500 spawn /bin/ls own-user",
                          "allow uid:500 connect [::1]:80 own-user",
                          "allow uid:500 listen [::1]:0 own-user",
                          "allow uid:500 connect unix:/run/s own-user",
                          "allow uid:500 open /etc/motd own-user",
                          "allow uid:500 pass handles: in own-user",
                          "allow uid:500 fetch handle in own-user"));
}

TEST_F(AuthorityTest, RecordsEveryRefusal) {
  const Authority authority = Make(Mode::kSystem);
  const IpAddress address = *ParseIpAddress("127.0.0.1");

  EXPECT_THAT(authority.AuthorizeSpawn(kUser, {.argv = {"/bin/ls"}}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(authority.AuthorizeSpawn(kUser, {.template_name = "t"}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(authority.AuthorizeConnect(kUser, address, 80),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(authority.Authorize(kUser, Verb::kFetch, "FetchHandle"),
              StatusIs(absl::StatusCode::kPermissionDenied));

  EXPECT_THAT(records_,
              ElementsAre("deny uid:1000 spawn /bin/ls POLICY_VERB",
                          "deny uid:1000 spawn t POLICY_VERB",
                          "deny uid:1000 connect 127.0.0.1:80 POLICY_VERB",
                          "deny uid:1000 fetch FetchHandle POLICY_VERB"));
}

TEST_F(AuthorityTest, SaysNothingOfWhatIsAllowedInside) {
  const Authority authority = Make(Mode::kSystem);

  EXPECT_THAT(authority.Authorize(kUser, Verb::kRead, "Read"), IsOk());

  EXPECT_THAT(records_, IsEmpty());
}

TEST_F(AuthorityTest, ArgumentsAreHashedWithTheirEnds) {
  const Authority authority = Make(Mode::kPrivate);
  for (const auto& argv : std::vector<std::vector<std::string>>{
           {"a", "bc"}, {"a", "bc"}, {"ab", "c"}}) {
    EXPECT_THAT(authority.AuthorizeSpawn(kOwner, {.argv = argv}), IsOk());
  }

  EXPECT_EQ(hashes_[0].size(), 16u);
  EXPECT_EQ(hashes_[0], hashes_[1]);
  EXPECT_NE(hashes_[0], hashes_[2]);
}

// A caller's words wait in memory to be written.
TEST_F(AuthorityTest, WhatIsRecordedOfAnObjectIsBounded) {
  const Authority authority = Make(Mode::kPrivate);
  const std::string path = "/" + std::string(1 << 20, 'x');

  EXPECT_THAT(authority.AuthorizeOpen(kOwner, path, FileAccess::kRead), IsOk());
  EXPECT_THAT(authority.AuthorizeSpawn(kOwner, {.argv = {path}}), IsOk());

  for (const std::string& record : records_) {
    EXPECT_LT(record.size(), kMostObjectBytes + 100);
    EXPECT_THAT(record, testing::HasSubstr("... (1048577 bytes) own-user"));
  }
}

TEST_F(AuthorityTest, ANewPolicyDecidesFromThenOn) {
  Authority authority = Make(Mode::kSystem);
  EXPECT_FALSE(authority.Authorize(kOwner, Verb::kPass, "").ok());

  authority.Replace(DefaultOf(Mode::kPrivate));

  EXPECT_THAT(authority.Authorize(kOwner, Verb::kPass, ""), IsOk());
}

// Through its own door everybody would come as the server's user.
TEST_F(AuthorityTest, NobodyButItsOwnUserConnectsToTheServerItself) {
  const TemporaryFolder folder;
  const std::string socket = folder.path() + "/own";
  const std::string other = folder.path() + "/other";
  std::ofstream(socket).flush();
  std::ofstream(other).flush();
  ASSERT_EQ(symlink(socket.c_str(), (folder.path() + "/link").c_str()), 0);
  const Grant all{.name = "all",
                  .to = {{.anyone = true}},
                  .verbs = {Verb::kConnect},
                  .connect = {{.range = *ParseIpRange("127.0.0.0/8")},
                              {.range = *ParseIpRange("0.0.0.0")},
                              {.range = *ParseIpRange("::1")}},
                  .unix_sockets = {{.directory = folder.path()}}};
  Authority authority(
      std::make_shared<const Policy>(
          PolicySpec{.mode = Mode::kSystem, .own_uid = kOwn, .grants = {all}}),
      {});
  authority.SetOwnAddresses({"unix:" + socket, "127.0.0.1:50051"});
  const auto may = [&](const Principal& who, const char* address,
                       std::uint16_t port) {
    return authority.AuthorizeConnect(who, *ParseIpAddress(address), port).ok();
  };
  const auto reach = [&](const std::string& path) {
    return authority.AuthorizeUnixSocket(kUser, Verb::kConnect, path).ok();
  };

  EXPECT_TRUE(may(kUser, "127.0.0.1", 50052));
  EXPECT_FALSE(may(kUser, "127.0.0.1", 50051));
  EXPECT_FALSE(may(kUser, "0.0.0.0", 50051));
  EXPECT_FALSE(may(kUser, "::1", 50051));
  EXPECT_TRUE(may(kOwner, "127.0.0.1", 50051));
  EXPECT_TRUE(reach(other));
  EXPECT_FALSE(reach(socket));
  EXPECT_FALSE(reach(folder.path() + "/link"));
}

// ---- The audit log.

// A FIFO in the place of a file on a disk that hangs.
class HungFile {
 public:
  explicit HungFile(const std::string& path) {
    signal(SIGPIPE, SIG_IGN);  // as the server does
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    reader_.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  }

  // Whether a writer has filled it.
  bool IsFull() const {
    int bytes = 0;
    ioctl(reader_.get(), FIONREAD, &bytes);
    return bytes > fcntl(reader_.get(), F_GETPIPE_SZ) - PIPE_BUF;
  }
  // Writers get EPIPE from now on.
  void Abandon() { reader_.Reset(); }
  // What is written until `finish` has closed the writer's end.
  std::string Drain(const std::function<void()>& finish) {
    fcntl(reader_.get(), F_SETFL, 0);
    std::string text;
    std::thread drain([&] {
      std::string piece(1 << 16, '\0');
      for (;;) {
        const ssize_t got = read(reader_.get(), piece.data(), piece.size());
        if (got <= 0) {
          return;
        }
        text.append(piece, 0, static_cast<std::size_t>(got));
      }
    });
    finish();
    drain.join();
    return text;
  }

 private:
  UniqueFd reader_;
};

// Has the writer of `audit` hang in a write.
void FillUp(const HungFile& hung, AuditLog& audit) {
  for (int i = 0; !hung.IsFull(); ++i) {
    audit.Add({.principal = Principal::Local(77, 77, 1),
               .object = absl::StrCat("fill ", i),
               .allowed = true});
    std::this_thread::yield();
  }
}

class AuditLogTest : public testing::Test {
 protected:
  std::string path() const { return folder_.path() + "/audit"; }
  std::unique_ptr<Log> Open(const std::string& path) {
    return *Log::ToFile(path, Log::Format::kJson, Log::Level::kInfo);
  }
  static std::vector<nlohmann::json> LinesOf(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }

  static std::int64_t CountOf(const nlohmann::json& line) {
    return std::stoll(line["count"].get<std::string>());
  }

  FakeClock clock_;
  TemporaryFolder folder_;
};

TEST_F(AuditLogTest, IsOneJsonObjectADecision) {
  const std::unique_ptr<Log> log = Open(path());
  {
    AuditLog audit(log.get(), log.get(), &clock_);
    audit.Add({.principal = kUser,
               .verb = Verb::kSpawn,
               .object = "/bin/\"ls\"\n",
               .allowed = true,
               .rule = "template:ls",
               .argv_hash = "0123"});
    audit.Add({.verb = Verb::kConnect, .object = "x", .rule = "POLICY_VERB"});
  }

  const auto lines = LinesOf(path());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["event"], "audit");
  EXPECT_EQ(lines[0]["decision"], "allow");
  EXPECT_EQ(lines[0]["principal"], "uid:1000");
  EXPECT_EQ(lines[0]["pid"], "42");
  EXPECT_EQ(lines[0]["verb"], "spawn");
  EXPECT_EQ(lines[0]["object"], "/bin/\"ls\"\n");
  EXPECT_EQ(lines[0]["rule"], "template:ls");
  EXPECT_EQ(lines[0]["argv_hash"], "0123");
  EXPECT_TRUE(lines[0].contains("time"));
  EXPECT_EQ(lines[1]["decision"], "deny");
  EXPECT_EQ(lines[1]["principal"], "anonymous-tcp");
}

TEST_F(AuditLogTest, IsForItsOwnerAloneAndAppendsToWhatIsThere) {
  for (int run = 0; run < 2; ++run) {
    const std::unique_ptr<Log> log = Open(path());
    AuditLog(log.get(), log.get(), &clock_).Add({});
  }

  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(LinesOf(path()).size(), 2u);
}

TEST_F(AuditLogTest, FollowsARotation) {
  const std::unique_ptr<Log> log = Open(path());
  AuditLog(log.get(), log.get(), &clock_).Add({});
  ASSERT_EQ(rename(path().c_str(), (path() + ".1").c_str()), 0);

  {
    AuditLog audit(log.get(), log.get(), &clock_);
    audit.Reopen();
    audit.Add({});
  }

  EXPECT_EQ(LinesOf(path()).size(), 1u);
  EXPECT_EQ(LinesOf(path() + ".1").size(), 1u);
}

TEST_F(AuditLogTest, AFailedReopeningIsTold) {
  const std::string folder = folder_.path() + "/logs";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const std::unique_ptr<Log> log = Open(folder + "/audit");
  const std::unique_ptr<Log> alarm = Open(path());
  ASSERT_EQ(rename(folder.c_str(), (folder + ".1").c_str()), 0);

  {
    AuditLog audit(log.get(), alarm.get(), &clock_);
    audit.Reopen();
    audit.Add({});
  }

  EXPECT_EQ(LinesOf(folder + ".1/audit").size(), 1u);
  ASSERT_EQ(LinesOf(path()).size(), 1u);
  EXPECT_EQ(LinesOf(path())[0]["event"], "audit.not_reopened");
}

// The writer hangs in write(2); who asks for the reopening waits for signals.
TEST_F(AuditLogTest, ReopeningHoldsNobodyUp) {
  HungFile hung(path());
  const std::unique_ptr<Log> log = Open(path());
  const std::unique_ptr<Log> alarm = Open(folder_.path() + "/alarm");
  {
    AuditLog audit(log.get(), alarm.get(), &clock_);
    FillUp(hung, audit);
    ASSERT_EQ(rename(path().c_str(), (path() + ".1").c_str()), 0);

    audit.Reopen();

    audit.Add({.object = "last"});
    hung.Abandon();
  }
  EXPECT_EQ(LinesOf(path()).back()["object"], "last");
}

TEST_F(AuditLogTest, AFileThatCannotBeOpenedIsNamed) {
  const std::string missing = folder_.path() + "/none/audit";

  const auto log = Log::ToFile(missing, Log::Format::kJson, Log::Level::kInfo);

  EXPECT_THAT(log.status(), HasErrno(ENOENT));
  EXPECT_THAT(std::string(log.status().message()), testing::HasSubstr(missing));
}

TEST_F(AuditLogTest, AFloodOfTheSameDecisionIsCountedAndLosesNothing) {
  const std::unique_ptr<Log> log = Open(path());
  {
    AuditLog audit(log.get(), log.get(), &clock_, 8);
    audit.Add({.object = "first", .allowed = true});
    for (int i = 0; i < 5000; ++i) {
      audit.Add({.object = "again", .allowed = true});
    }
    EXPECT_EQ(audit.lost(), 0);
  }

  std::int64_t again = 0;
  for (const nlohmann::json& line : LinesOf(path())) {
    again += line["object"] == "again" ? CountOf(line) : 0;
  }
  EXPECT_EQ(again, 5000);
}

TEST_F(AuditLogTest, RefusalsBeyondTheirRateAreCountedOnly) {
  constexpr int kMore = 1000;
  const std::unique_ptr<Log> log = Open(path());
  {
    AuditLog audit(log.get(), log.get(), &clock_);
    for (int i = 0; i < AuditLog::kRefusalBurst + kMore; ++i) {
      audit.Add({.principal = kUser, .object = absl::StrCat(i)});
    }
    audit.Add({.principal = kOwner, .object = "another's"});
    clock_.Advance(absl::Seconds(1));
    for (int i = 0; i < AuditLog::kRefusalsPerSecond; ++i) {
      audit.Add({.principal = kUser, .object = absl::StrCat("later ", i)});
    }
  }

  std::int64_t suppressed = 0;
  std::int64_t written = 0;
  std::int64_t anothers = 0;
  for (const nlohmann::json& line : LinesOf(path())) {
    if (line["event"] == "audit.suppressed") {
      EXPECT_EQ(line["principal"], "uid:1000");
      suppressed += CountOf(line);
    } else {
      ++(line["principal"] == "uid:1000" ? written : anothers);
    }
  }
  EXPECT_EQ(written, AuditLog::kRefusalBurst + AuditLog::kRefusalsPerSecond);
  EXPECT_EQ(suppressed, kMore);
  EXPECT_EQ(anothers, 1);
}

// As many users as one likes have their calls refused, while the disk hangs.
TEST_F(AuditLogTest, RefusalsNeverCrowdOutWhatIsAllowed) {
  HungFile hung(path());
  std::unique_ptr<Log> log = Open(path());
  const std::unique_ptr<Log> alarm = Open(folder_.path() + "/alarm");
  auto audit = std::make_unique<AuditLog>(log.get(), alarm.get(), &clock_, 100);
  FillUp(hung, *audit);
  const std::int64_t lost = audit->lost();
  for (uid_t user = 0; user < 1000; ++user) {
    audit->Add({.principal = Principal::Local(user, user, 1),
                .object = absl::StrCat(user)});
  }
  EXPECT_GT(audit->lost(), lost);

  for (int i = 0; i < 10; ++i) {
    audit->Add({.principal = kUser,
                .object = absl::StrCat("mine ", i),
                .allowed = true});
  }

  const std::string written = hung.Drain([&] {
    audit.reset();
    log.reset();
  });
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(written, testing::HasSubstr(absl::StrCat("\"mine ", i, "\"")));
  }
}

TEST_F(AuditLogTest, OneUserDoesNotCrowdOutAnother) {
  HungFile hung(path());
  std::unique_ptr<Log> log = Open(path());
  const std::unique_ptr<Log> alarm = Open(folder_.path() + "/alarm");
  auto audit = std::make_unique<AuditLog>(log.get(), alarm.get(), &clock_, 100);
  FillUp(hung, *audit);
  const std::int64_t lost = audit->lost();
  for (int i = 0; i < 1000; ++i) {
    audit->Add(
        {.principal = kOwner, .object = absl::StrCat(i), .allowed = true});
  }
  EXPECT_GT(audit->lost(), lost);

  audit->Add({.principal = kUser, .object = "mine", .allowed = true});

  EXPECT_THAT(hung.Drain([&] {
    audit.reset();
    log.reset();
  }),
              testing::HasSubstr("\"mine\""));
}

// What a caller says reaches a terminal as plain text on one line.
TEST_F(AuditLogTest, NothingInALineSpeaksToATerminal) {
  const std::string hostile =
      "/\x1b[2J\x07\x7f\r\n\xc2\x9b\xe2\x80\xae forged=1\xff";
  for (const Log::Format format : {Log::Format::kText, Log::Format::kJson}) {
    const std::string file =
        path() + (format == Log::Format::kText ? "t" : "j");
    const auto log = *Log::ToFile(file, format, Log::Level::kInfo);
    AuditLog(log.get(), log.get(), &clock_)
        .Add({.object = hostile, .allowed = true});

    std::ifstream lines(file);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) {
      return absl::ascii_isprint(static_cast<unsigned char>(c));
    })) << line;
    EXPECT_THAT(line, testing::HasSubstr("u001b[2J"));
    EXPECT_FALSE(std::getline(lines, line)) << line;
  }
}

// A FIFO that nobody empties holds the writer up; whoever decides goes on.
TEST_F(AuditLogTest, ADiskThatHangsLosesRecordsAndHoldsNobodyUp) {
  constexpr int kRecords = 5000;
  signal(SIGPIPE, SIG_IGN);  // as the server does
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  UniqueFd reader(open(path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  const std::unique_ptr<Log> log = Open(path());
  const std::unique_ptr<Log> alarm = Open(folder_.path() + "/alarm");
  std::int64_t lost = 0;
  {
    AuditLog audit(log.get(), alarm.get(), &clock_, 100);
    for (int i = 0; i < kRecords; ++i) {
      audit.Add({.object = absl::StrCat(i)});
    }
    lost = audit.lost();
    EXPECT_GT(lost, 0);
    // Without readers the writer is told EPIPE, and goes on.
    reader.Reset();
  }

  const auto alarms = LinesOf(folder_.path() + "/alarm");
  ASSERT_FALSE(alarms.empty());
  EXPECT_EQ(alarms.back()["event"], "audit.lost");
  EXPECT_EQ(alarms.back()["level"], "warning");
  EXPECT_GE(std::stoll(alarms.back()["count"].get<std::string>()), lost);
}

}  // namespace
}  // namespace farpoll::server
