// tests/integration/model_test.cc: room: tests. Random calls of several clients
// against the real program; each answer must be the one that server_model says.
// Clients are cut off and killed in between, and a session outlives them.
//
//   FARPOLL_SEED=N           repeats a run
//   FARPOLL_MODEL_SECONDS=N  goes on for so long (15 without it)
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_model.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

using Id = SessionModel::Id;

constexpr std::size_t kMostSessions = 4;
constexpr std::size_t kMostHandles = 40;
constexpr std::size_t kMostSelectors = 4;
constexpr std::size_t kShownOperations = 40;
// Some names, of what was never made.
constexpr Id kNobody = 1'000'000'000;

std::int64_t NumberFrom(const char* variable, std::int64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoll(text);
}

// "" for success, or the errno's name; the whole status where it has none.
std::string ErrorOf(const grpc::Status& status) {
  if (status.ok()) {
    return "";
  }
  const std::string name = InfoOf(status).errno_name();
  return name.empty() ? Describe(status) : name;
}

// Of a change of one item.
template <class Response>
std::string ErrorOfItem(const Answer<Response>& answer) {
  if (!answer.status.ok()) {
    return ErrorOf(answer.status);
  }
  return answer.response.results_size() == 1
             ? answer.response.results(0).error().info().errno_name()
             : "not one result";
}

// As SessionModel::Ready.
template <class Response>
std::string ReadyOf(const Response& response) {
  std::map<Id, int> events;
  for (const v1::Event& event : response.events()) {
    events[event.handle_id()] = event.events();
  }
  return absl::StrJoin(events, " ", absl::PairFormatter(":"));
}

std::string Ref(absl::string_view field, Id id) {
  return absl::Substitute("$0 { id: $1 } ", field, id);
}

// A session, a client in it, and what it must be.
struct Party {
  std::string session;
  std::unique_ptr<Peer> peer;
  SessionModel model;
};

class Model : public testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<Farpolld>(std::vector<std::string>{
        "--listen=unix:" + folder_.path() + "/s", "--log-level=warning"});
    address_ = server_->AwaitAddress();
    host_ = std::make_unique<Peer>(address_, "");
    // What is made once is made before counting.
    Begin();
    MakePipe();
    MakeSelector();
    EndSession(parties_.front());
    descriptors_ = DescriptorsWithout(*host_);
    std::printf("FARPOLL_SEED=%ju\n", static_cast<std::uintmax_t>(seed_));
  }

  void Run() {
    const absl::Time end =
        absl::Now() + absl::Seconds(NumberFrom("FARPOLL_MODEL_SECONDS", 15));
    std::int64_t steps = 0;
    while (absl::Now() < end && !HasFailure()) {
      Step();
      if (++steps % 50 == 0) {
        CheckAll();
      }
    }
    std::printf("%jd steps\n", static_cast<std::intmax_t>(steps));
    if (HasFailure()) {
      std::printf("the last operations, the newest last:\n%s\n",
                  absl::StrJoin(operations_, "\n").c_str());
    }
  }

  // All is deleted; nothing may be left of it, and the server ends well.
  void Finish() {
    while (!parties_.empty()) {
      EndSession(parties_.front());
    }
    CheckAll();
    Await([this] { return DescriptorsWithout(*host_) <= descriptors_; },
          "descriptors are closed");
    host_.reset();
    EXPECT_EQ(server_->Stop(), 0);
  }

 private:
  // ---- Chance.
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  // Any id that `map` has, or now and then one that it has not.
  template <class Map>
  Id AnyOf(const Map& map) {
    if (map.empty() || Below(20) == 0) {
      return kNobody;
    }
    return std::next(map.begin(),
                     static_cast<std::ptrdiff_t>(Below(map.size())))
        ->first;
  }
  Party& AnyParty() { return parties_[Below(parties_.size())]; }
  Id AnyHandle() { return AnyOf(party_->model.handles()); }
  Id AnySelector() { return AnyOf(party_->model.selectors()); }
  SessionModel::Interest AnyInterest() {
    constexpr Events kSome[] = {kIn, kOut, kIn | kOut, 0, kIn | kReadHangup};
    return {.events = kSome[Below(std::size(kSome))], .once = Below(4) == 0};
  }

  void Note(std::string operation) {
    operations_.push_back(
        absl::StrCat(party_->session.substr(0, 4), ": ", operation));
    if (operations_.size() > kShownOperations) {
      operations_.pop_front();
    }
  }
  // What the server said, and what it must have said.
  void Expect(const std::string& said, const std::string& must) {
    operations_.back() += absl::StrCat(" -> ", said);
    EXPECT_EQ(said, must) << operations_.back();
  }
  std::int64_t DescriptorsWithout(Peer& host) {
    // An answer that came after all that was sent before it.
    host.Must(&ServerInfo::GetServer, "");
    return server_->CountDescriptors();
  }

  // ---- Operations.
  void Step() {
    if (parties_.empty()) {
      Begin();
      return;
    }
    party_ = &AnyParty();
    const std::uint64_t dice = Below(100);
    if (dice < 8) {
      Make();
    } else if (dice < 28) {
      Write();
    } else if (dice < 43) {
      Read();
    } else if (dice < 49) {
      Close();
    } else if (dice < 67) {
      Change();
    } else if (dice < 82) {
      Poll();
    } else if (dice < 86) {
      Select();
    } else if (dice < 93) {
      WaitOnce();
    } else if (dice < 94) {
      KillWaiter();
    } else if (dice < 96) {
      CutOff();
    } else if (dice < 98) {
      CloseSelector();
    } else if (dice < 99 && parties_.size() < kMostSessions) {
      Begin();
    } else {
      Note("DeleteSession");
      EndSession(*party_);
    }
  }

  void Begin() {
    Party party;
    party.session = absl::StrCat(
        host_->Must(&Sessions::CreateSession, "ttl { seconds: 600 }")
            .session()
            .id());
    party.peer = std::make_unique<Peer>(address_, party.session);
    parties_.push_back(std::move(party));
    party_ = &parties_.back();
    Note("CreateSession");
  }
  void EndSession(Party& party) {
    host_->Must(&Sessions::DeleteSession,
                absl::Substitute("session: '$0'", party.session));
    parties_.erase(parties_.begin() + (&party - parties_.data()));
    party_ = nullptr;
  }
  // The client is gone without a word; another one comes into its session.
  void CutOff() {
    Note("another client");
    party_->peer = std::make_unique<Peer>(address_, party_->session);
  }

  void Make() {
    if (party_->model.handles().size() >= kMostHandles) {
      return;
    }
    const std::uint64_t what = Below(4);
    if (what == 0) {
      MakeSelector();
    } else if (what == 1) {
      MakePipe();
    } else if (what == 2) {
      MakeSocketPair();
    } else {
      const Id id =
          party_->peer->Must(&Handles::CreateCounter, "").handle().id();
      Note(absl::StrCat("CreateCounter ", id));
      party_->model.AddCounter(id);
    }
  }
  void MakePipe() {
    const auto made = party_->peer->Must(&Handles::CreatePipe, "");
    Note(absl::StrCat("CreatePipe ", made.reader().id(), " ",
                      made.writer().id()));
    party_->model.AddPipe(made.reader().id(), made.writer().id());
  }
  void MakeSocketPair() {
    const auto made = party_->peer->Must(&Handles::CreateSocketPair,
                                         "type: SOCKET_TYPE_STREAM");
    Note(absl::StrCat("CreateSocketPair ", made.first().id(), " ",
                      made.second().id()));
    party_->model.AddSocketPair(made.first().id(), made.second().id());
  }
  void MakeSelector() {
    if (party_->model.selectors().size() >= kMostSelectors) {
      return;
    }
    const Id id =
        party_->peer
            ->Must(&Selectors::CreateSelector, "kind: SELECTOR_KIND_POLL")
            .selector()
            .id();
    Note(absl::StrCat("CreateSelector ", id));
    party_->model.AddSelector(id);
  }

  void Write() {
    const Id id = AnyHandle();
    const auto it = party_->model.handles().find(id);
    const bool counts =
        it != party_->model.handles().end() &&
        (it->second.kind == SessionModel::Kind::kCounter) == (Below(10) != 0);
    if (counts) {
      const std::uint64_t count = 1 + Below(5);
      Note(absl::StrCat("Write ", id, " count ", count));
      Expect(ErrorOf(party_->peer
                         ->Call(&Handles::Write, absl::StrCat(Ref("handle", id),
                                                              "count: ", count))
                         .status),
             party_->model.Add(id, count));
      return;
    }
    const std::string data(1 + Below(200), static_cast<char>('a' + Below(26)));
    if (it != party_->model.handles().end() && it->second.out != nullptr &&
        it->second.out->bytes.size() + data.size() > SessionModel::kMostBytes) {
      return;
    }
    Note(absl::StrCat("Write ", id, " ", data.size(), " bytes"));
    Expect(
        ErrorOf(party_->peer
                    ->Call(&Handles::Write, absl::StrCat(Ref("handle", id),
                                                         "data: '", data, "'"))
                    .status),
        party_->model.Write(id, data));
  }
  void Read() {
    const Id id = AnyHandle();
    const std::size_t most = 1 + Below(300);
    Note(absl::StrCat("Read ", id, " ", most));
    const auto answer = party_->peer->Call(
        &Handles::Read, absl::StrCat(Ref("handle", id), "max_bytes: ", most));
    Expect(TextOf(answer), party_->model.Read(id, most));
  }
  static std::string TextOf(const Answer<v1::ReadResponse>& answer) {
    if (!answer.status.ok()) {
      return ErrorOf(answer.status);
    }
    switch (answer.response.outcome()) {
      case v1::READ_OUTCOME_WOULD_BLOCK:
        return "would block";
      case v1::READ_OUTCOME_END_OF_FILE:
        return "end of file";
      default:
        return answer.response.count() != 0
                   ? absl::StrCat("count ", answer.response.count())
                   : absl::StrCat("data ", answer.response.data());
    }
  }
  void Close() {
    const Id id = AnyHandle();
    const auto it = party_->model.handles().find(id);
    // What a socket has not read resets its peer; that is the kernel's to test.
    if (it != party_->model.handles().end() &&
        it->second.kind == SessionModel::Kind::kSocket &&
        !it->second.in->bytes.empty()) {
      return;
    }
    Note(absl::StrCat("Close ", id));
    Expect(
        ErrorOf(party_->peer->Call(&Handles::Close, Ref("handle", id)).status),
        party_->model.Close(id));
  }
  void CloseSelector() {
    const Id id = AnySelector();
    Note(absl::StrCat("CloseSelector ", id));
    Expect(ErrorOf(party_->peer
                       ->Call(&Selectors::CloseSelector, Ref("selector", id))
                       .status),
           party_->model.CloseSelector(id));
  }

  void Change() {
    const Id selector = AnySelector();
    const Id handle = AnyHandle();
    const SessionModel::Interest interest = AnyInterest();
    const std::string where = Ref("selector", selector);
    const std::string item = absl::Substitute(
        "items { $0 events: $1 trigger: TRIGGER_$2 }", Ref("handle", handle),
        interest.events, interest.once ? "ONESHOT" : "LEVEL");
    const std::string what =
        absl::StrCat(selector, " ", handle, ":", interest.events,
                     interest.once ? " once" : "");
    switch (Below(4)) {
      case 0:
        Note(absl::StrCat("Modify ", what));
        Expect(
            ErrorOfItem(party_->peer->Call(&Selectors::Modify, where + item)),
            party_->model.Modify(selector, handle, interest));
        return;
      case 1:
        Note(absl::StrCat("Unregister ", selector, " ", handle));
        Expect(ErrorOfItem(party_->peer->Call(&Selectors::Unregister,
                                              where + Ref("handles", handle))),
               party_->model.Unregister(selector, handle));
        return;
      default:
        Note(absl::StrCat("Register ", what));
        Expect(
            ErrorOfItem(party_->peer->Call(&Selectors::Register, where + item)),
            party_->model.Register(selector, handle, interest));
    }
  }

  void Poll() {
    const Id selector = AnySelector();
    Note(absl::StrCat("Poll ", selector));
    const auto answer = party_->peer->Call(
        &Selectors::Poll, Ref("selector", selector) + "timeout { }");
    if (selector == kNobody) {
      Expect(ErrorOf(answer.status), "ENOENT");
      return;
    }
    Expect(
        answer.status.ok() ? ReadyOf(answer.response) : ErrorOf(answer.status),
        party_->model.BeginWait(selector));
    party_->model.Take(selector);
  }
  void Select() {
    const Id reads = AnyHandle();
    const Id writes = AnyHandle();
    Note(absl::StrCat("Select ", reads, " ", writes));
    const auto answer = party_->peer->Call(
        &Selectors::Select,
        absl::StrCat(Ref("read", reads), Ref("write", writes), "timeout { }"));
    if (reads == kNobody || writes == kNobody) {
      EXPECT_FALSE(answer.status.ok());
      return;
    }
    // A selector of the model's own, on both.
    SessionModel::Interest interest{.events = kIn | kError | kHangup};
    SessionModel model = party_->model;
    model.AddSelector(kNobody);
    model.Register(kNobody, reads, interest);
    const bool reads_ready = !model.BeginWait(kNobody).empty();
    model.Unregister(kNobody, reads);
    interest.events = kOut;
    model.Register(kNobody, writes, interest);
    // A hang-up alone is no reason to write.
    const bool writes_ready =
        !model.BeginWait(kNobody).empty() &&
        model.handles().at(writes).kind != SessionModel::Kind::kReader;
    Expect(absl::StrCat(ErrorOf(answer.status), answer.response.read_size(),
                        answer.response.write_size()),
           absl::StrCat(reads_ready ? 1 : 0, writes_ready ? 1 : 0));
  }

  // A Wait that gets one result, and acknowledges it or breaks off.
  void WaitOnce() {
    const Id selector = AnySelector();
    if (selector == kNobody) {
      return;
    }
    SessionModel begun = party_->model;
    const std::string ready = begun.BeginWait(selector);
    if (ready.empty()) {
      return;  // the wait would not end
    }
    party_->model = std::move(begun);
    const bool acknowledge = Below(2) == 0;
    Note(absl::StrCat("Wait ", selector,
                      acknowledge ? ", acknowledged" : ", broken off"));
    {
      WaitStream wait(*party_->peer);
      wait.Send(absl::Substitute(
          "open { session: '$0' selector { id: $1 } credits: 1 }",
          party_->session, selector));
      const auto result = wait.Read();
      ASSERT_TRUE(result.has_value()) << operations_.back();
      Expect(ReadyOf(*result), ready);
      if (acknowledge) {
        // The change is answered once the acknowledgement has been taken.
        wait.Send(
            absl::Substitute("grant { acknowledge: $0 credits: 1 } "
                             "changes { remove { id: $1 } }",
                             result->sequence(), kNobody));
        absl::optional<v1::WaitResponse> answer;
        do {
          answer = wait.Read();
          ASSERT_TRUE(answer.has_value()) << operations_.back();
        } while (answer->change_results_size() == 0);
        party_->model.Take(selector);
      } else {
        party_->model.BreakOff(selector);
      }
      wait.Cancel();
    }
    AwaitIdle(selector);
  }
  // A client that waits is killed; what it was told, others are told again.
  void KillWaiter() {
    const Id selector = AnySelector();
    if (selector == kNobody) {
      return;
    }
    Note(absl::StrCat("a client that waits is killed ", selector));
    ChildProcess client({std::getenv("WAIT_CLIENT"), address_, party_->session,
                         absl::StrCat(selector)});
    EXPECT_EQ(client.ReadLine(), "waiting");
    if (!party_->model.BeginWait(selector).empty()) {
      EXPECT_NE(client.ReadLine(), "");
      party_->model.BreakOff(selector);
    }
    client.Signal(SIGKILL);
    client.Wait();
    AwaitIdle(selector);
  }
  void AwaitIdle(Id selector) {
    Await(
        [&] {
          return !party_->peer
                      ->Must(&Selectors::GetSelector, Ref("selector", selector))
                      .selector()
                      .waiting();
        },
        "the wait is over");
  }

  // ---- Invariants.
  void CheckAll() {
    std::size_t handles = 0;
    for (Party& party : parties_) {
      party_ = &party;
      CheckParty();
      handles += party.model.handles().size();
    }
    // The sockets of a deleted session count until they are closed, which is
    // done on a thread of its own.
    Await(
        [&] {
          const auto info = host_->Must(&ServerInfo::GetServer, "");
          return static_cast<std::size_t>(info.sessions()) == parties_.size() &&
                 static_cast<std::size_t>(info.handles()) == handles;
        },
        "the server counts what the sessions have");
  }
  void CheckParty() {
    std::vector<Id> listed;
    const auto list =
        party_->peer->Must(&Handles::ListHandles, "page_size: 1000");
    for (const v1::Handle& handle : list.handles()) {
      listed.push_back(handle.id());
    }
    std::vector<Id> known;
    for (const auto& [id, handle] : party_->model.handles()) {
      known.push_back(id);
    }
    EXPECT_THAT(listed, testing::UnorderedElementsAreArray(known));
    for (const auto& [id, selector] : party_->model.selectors()) {
      std::map<Id, int> events;
      const auto registrations =
          party_->peer->Must(&Selectors::ListRegistrations,
                             Ref("selector", id) + "page_size: 1000");
      for (const v1::Registration& one : registrations.registrations()) {
        events[one.handle_id()] = one.events();
      }
      EXPECT_EQ(absl::StrJoin(events, " ", absl::PairFormatter(":")),
                party_->model.Registrations(id))
          << "selector " << id;
    }
  }

  TemporaryFolder folder_;
  const std::uint64_t seed_ = static_cast<std::uint64_t>(
      NumberFrom("FARPOLL_SEED", absl::ToUnixMicros(absl::Now())));
  std::mt19937_64 random_{seed_};
  std::unique_ptr<Farpolld> server_;
  std::string address_;
  std::unique_ptr<Peer> host_;  // in no session
  std::vector<Party> parties_;
  Party* party_ = nullptr;
  std::deque<std::string> operations_;
  std::int64_t descriptors_ = 0;
};

TEST_F(Model, EveryAnswerIsTheModels) {
  Run();
  Finish();
}

}  // namespace
}  // namespace farpoll
