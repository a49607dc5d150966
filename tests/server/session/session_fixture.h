// tests/server/session/session_fixture.h: room: tests. A session table over a
// clock that the test moves, and sinks that note what they hear.
#ifndef FARPOLL_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_
#define FARPOLL_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/blocking/blocking_pool.h"
#include "server/policy/limits.h"
#include "server/policy/principal.h"
#include "server/process/children.h"
#include "server/reactor/reactor.h"
#include "server/session/session_table.h"
#include "tests/server/reactor/fence.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {

// Notes what it hears. Threads: any.
class NotingSink : public WaitSink {
 public:
  void OnReady() override {
    MutexLock lock(&mu_);
    ++ready_;
  }
  void OnEnded(absl::Status why) override {
    MutexLock lock(&mu_);
    ended_.push_back(std::move(why));
  }

  int ready() {
    MutexLock lock(&mu_);
    return ready_;
  }
  // Each time that it was told the end; at most one is right.
  std::vector<absl::Status> ended() {
    MutexLock lock(&mu_);
    return ended_;
  }

 private:
  Mutex mu_;
  int ready_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<absl::Status> ended_ ABSL_GUARDED_BY(mu_);
};

class SessionTest : public testing::Test {
 protected:
  ~SessionTest() override {
    table_->EndAll();
    reactor_.reset();
  }

  // Starts again with other limits.
  void Limit(const Limits& limits) {
    table_->EndAll();
    Fence(*reactor_);
    table_.reset();
    accounts_ = MakeAccounts(limits);
    table_ = MakeTable(limits);
  }

  // The owner of what Create() and Make() make.
  static Principal Me() { return Principal::ThisProcess(); }

  absl::StatusOr<std::shared_ptr<Session>> Create(
      absl::string_view name, absl::optional<absl::Duration> ttl) {
    return table_->Create(Me(), name, ttl);
  }

  // A session that lives for 10 s.
  std::shared_ptr<Session> Make(absl::string_view name = "") {
    // Without one the test has nothing to go on with, and this ends it.
    return Create(name, absl::Seconds(10)).value();
  }

  // Moves the clock and lets the reactor do what is due by then.
  void Advance(absl::Duration span) {
    clock_.Advance(span);
    reactor_->Poke();
    Fence(*reactor_);
  }

  // What the table's observer was told, as "expired NAME".
  std::vector<std::string> Observed() {
    MutexLock lock(&mu_);
    return observed_;
  }

  FakeClock clock_;

 private:
  std::unique_ptr<Accounts> MakeAccounts(const Limits& limits) {
    return std::make_unique<Accounts>(limits, &authority_, &children_.quota());
  }
  std::unique_ptr<SessionTable> MakeTable(const Limits& limits) {
    return std::make_unique<SessionTable>(
        limits, &clock_, reactor_.get(), &authority_, accounts_.get(),
        &children_, &blocking_,
        [this](absl::string_view what, const Session& session) {
          MutexLock lock(&mu_);
          observed_.push_back(absl::StrCat(what, " ", session.name()));
        });
  }

  Mutex mu_;
  std::vector<std::string> observed_ ABSL_GUARDED_BY(mu_);

 protected:
  std::unique_ptr<Reactor> reactor_ = Reactor::Start(&clock_).value();
  // Of a private server: this process may do everything.
  Children children_{10, &clock_, reactor_.get()};
  BlockingPool blocking_{4, 4};
  Authority authority_{
      std::make_shared<Policy>(Policy::Default(Mode::kPrivate, geteuid())), {}};
  std::unique_ptr<Accounts> accounts_ = MakeAccounts(Limits());
  std::unique_ptr<SessionTable> table_ = MakeTable(Limits());
};

// What a session answers at once: nothing in these needs a file system.
template <class Result, class Call>
absl::StatusOr<Result> AnswerOf(const Call& call) {
  absl::StatusOr<Result> answer = absl::UnknownError("no answer");
  call(
      [&answer](absl::StatusOr<Result> result) { answer = std::move(result); });
  return answer;
}
inline absl::StatusOr<ReadResult> ReadNow(Session& session,
                                          const Reference& handle,
                                          const ReadRequest& request) {
  return AnswerOf<ReadResult>([&](Session::AnswerTo<ReadResult> answer) {
    session.Read(handle, request, std::move(answer));
  });
}
inline absl::StatusOr<WriteResult> WriteNow(Session& session,
                                            const Reference& handle,
                                            const WriteRequest& request) {
  return AnswerOf<WriteResult>([&](Session::AnswerTo<WriteResult> answer) {
    session.Write(handle, request, std::move(answer));
  });
}

// The reason in the detail of a status, or of a StatusOr's.
template <typename T>
std::string ReasonOf(const T& value) {
  return DetailOf(StatusOf(value)).reason;
}

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_
