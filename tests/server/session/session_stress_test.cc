// tests/server/session/session_stress_test.cc: room: tests. Many threads on one
// session, for ThreadSanitizer: whatever they do to each other, nothing is lost
// and nothing is left.
#include <signal.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/blocking/blocking_pool.h"
#include "server/session/session_table.h"
#include "tests/server/reactor/fence.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr int kNames = 4;
constexpr int kRoundsPerThread = 1500;

// Takes results as a stream does: on whatever thread says that there are some,
// acknowledging at once. Ends its own wait after a few.
class GreedySink : public WaitSink,
                   public std::enable_shared_from_this<GreedySink> {
 public:
  GreedySink(std::shared_ptr<Session> session, std::atomic<int>* ended)
      : session_(std::move(session)), ended_(*ended) {}

  void Start(StreamId wait) {
    wait_ = wait;
    OnReady();
  }
  void OnReady() override {
    const StreamId wait = wait_;
    while (const auto named = session_->TakeResult(wait)) {
      if (++taken_ > 3) {
        session_->EndWait(wait);
        return;
      }
      (void)session_->Grant(wait, named->result.sequence, 1);
    }
  }
  void OnEnded(absl::Status /*why*/) override { ++ended_; }

 private:
  const std::shared_ptr<Session> session_;
  std::atomic<int>& ended_;
  std::atomic<StreamId> wait_{0};
  std::atomic<int> taken_{0};
};

// One thread's random calls on names that all threads share.
class Worker {
 public:
  Worker(unsigned seed, std::shared_ptr<Session> session)
      : random_(seed), session_(std::move(session)) {}

  void Run() {
    const std::vector<std::function<void()>> calls = {
        [this] { (void)session_->CreatePipe(Handle("r"), Handle("w"), 0); },
        [this] { (void)session_->CloseHandle(Name(Handle("r"))); },
        [this] { (void)session_->CloseHandle(Name(Handle("w"))); },
        [this] {
          session_->Write(Name(Handle("w")), {.data = "x"}, [](const auto&) {});
        },
        [this] {
          session_->Read(Name(Handle("r")), {.max_bytes = 1},
                         [](const auto&) {});
        },
        [this] {
          (void)session_->CreateSelector(SelectorKind::kPoll, Selector());
        },
        [this] { (void)session_->CloseSelector(Name(Selector())); },
        [this] { Register(); },
        [this] { Register(); },
        [this] { Unregister(); },
        [this] { Wait(); },
        [this] { Wait(); },
        [this] { Select(); },
        [this] { (void)session_->ListHandles(0, 10); },
        [this] { (void)session_->Info(); },
    };
    for (int round = 0; round < kRoundsPerThread; ++round) {
      calls[Any(calls.size())]();
    }
  }

  int ended() const { return ended_; }

 private:
  std::size_t Any(std::size_t count) { return random_() % count; }
  std::string Handle(const char* end) { return absl::StrCat(end, Any(kNames)); }
  std::string Selector() { return absl::StrCat("s", Any(kNames)); }
  static Reference Name(std::string name) {
    return Reference{.name = std::move(name)};
  }

  void Register() {
    const Trigger triggers[] = {Trigger::kLevel, Trigger::kEdge,
                                Trigger::kOneShot};
    (void)session_->Apply(
        Name(Selector()),
        {Change{.kind = Change::Kind::kRegister,
                .handle = Name(Handle(Any(2) == 0 ? "r" : "w")),
                .interest = {.trigger = triggers[Any(3)]}}});
  }
  void Unregister() {
    (void)session_->Apply(Name(Selector()),
                          {Change{.kind = Change::Kind::kUnregister,
                                  .handle = Name(Handle("r"))}});
  }
  void Wait() {
    const auto sink = std::make_shared<GreedySink>(session_, &ended_);
    sinks_.push_back(sink);
    const auto wait =
        session_->BeginWait({.selector = Name(Selector()),
                             .credits = static_cast<std::int64_t>(Any(3)) + 1,
                             .timeout = absl::Microseconds(Any(500))},
                            sink);
    if (wait.ok()) {
      sink->Start(*wait);
    }
  }
  void Select() {
    const auto sink = std::make_shared<GreedySink>(session_, &ended_);
    const auto start = session_->BeginSelect(
        {.read = {Name(Handle("r"))}, .timeout = absl::Microseconds(Any(500))},
        sink);
    if (start.ok() && !start->answer.has_value()) {
      (void)session_->TakeSelect(start->wait);
      session_->EndWait(start->wait);
    }
  }

  std::minstd_rand random_;
  const std::shared_ptr<Session> session_;
  std::atomic<int> ended_{0};
  std::vector<std::shared_ptr<GreedySink>> sinks_;
};

class SessionStressTest : public testing::Test {
 protected:
  // As the server does: a pipe without reader is an error, not the end.
  SessionStressTest() { signal(SIGPIPE, SIG_IGN); }
  ~SessionStressTest() override {
    table_.EndAll();
    reactor_.reset();
  }

  const RealClock clock_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Start(&clock_);
  Children children_{10, &clock_, reactor_.get()};
  BlockingPool blocking_{4, 4};
  Authority authority_{
      std::make_shared<Policy>(Policy::Default(Mode::kPrivate, geteuid())), {}};
  Accounts accounts_{Limits(), &authority_, &children_.quota()};
  SessionTable table_{Limits(),       &clock_,
                      reactor_.get(), &authority_,
                      &accounts_,     &children_,
                      &blocking_,     [](absl::string_view, const Session&) {}};
};

TEST_F(SessionStressTest, ManyThreadsOneSession) {
  const auto session =
      *table_.Create(Principal::ThisProcess(), "shared", absl::Minutes(1));
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;

  for (unsigned seed = 1; seed <= 4; ++seed) {
    workers.push_back(std::make_unique<Worker>(seed, session));
    threads.emplace_back([worker = workers.back().get()] { worker->Run(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(session->Info().handles,
            static_cast<std::size_t>(table_.handles().used()));
  EXPECT_THAT(table_.Delete(Principal::ThisProcess(), "shared"), IsOk());
  EXPECT_EQ(table_.handles().used(), 0);
  Fence(*reactor_);
}

TEST_F(SessionStressTest, TheSessionEndsUnderItsUsers) {
  const auto session =
      *table_.Create(Principal::ThisProcess(), "shared", absl::Minutes(1));
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (unsigned seed = 11; seed <= 13; ++seed) {
    workers.push_back(std::make_unique<Worker>(seed, session));
    threads.emplace_back([worker = workers.back().get()] { worker->Run(); });
  }

  // In the middle of it, by what can be observed: there are handles.
  while (table_.handles().used() == 0) {
    std::this_thread::yield();
  }
  EXPECT_THAT(table_.Delete(Principal::ThisProcess(), "shared"), IsOk());
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(table_.handles().used(), 0);
  EXPECT_EQ(session->Info().streams, 0u);
  EXPECT_EQ(session->Info().selectors, 0u);
  Fence(*reactor_);
}

}  // namespace
}  // namespace farpoll::server
