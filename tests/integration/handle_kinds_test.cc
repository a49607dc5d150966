// tests/integration/handle_kinds_test.cc: room: tests. Sockets, timers,
// counters, files and watches over the wire: each is made, waited on and used.
// Source: farpoll/v1/handle.proto, farpoll/v1/kinds.proto; docs/semantics.md.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr absl::Duration kLong = absl::Seconds(10);

class HandleKinds : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakeSelector("poll");
  }

  // Waits until `handle` is seen ready for some of `events`; what was seen.
  int Await(const std::string& handle, int events) {
    peer().Register("poll", handle, events);
    const std::string seen = peer().Poll("poll", kLong);
    peer().Unregister("poll", handle);
    int bits = 0;
    EXPECT_TRUE(absl::SimpleAtoi(seen.substr(seen.find(':') + 1), &bits))
        << seen;
    return bits;
  }

  v1::Handle Get(const std::string& handle) {
    return peer()
        .Must(&Handles::GetHandle,
              absl::Substitute("handle { name: '$0' }", handle))
        .handle();
  }

  v1::ReadResponse Read(const std::string& handle,
                        const std::string& more = "") {
    return peer().Must(
        &Handles::Read,
        absl::Substitute("handle { name: '$0' } max_bytes: 4096 $1", handle,
                         more));
  }

  // Listens on any port as "door"; its address.
  std::string Listen() {
    return peer()
        .Must(&Handles::Listen, "name: 'door' address: '127.0.0.1:0'")
        .handle()
        .socket()
        .local();
  }
  v1::AcceptResponse Accept(const std::string& name) {
    return peer().Must(
        &Handles::Accept,
        absl::Substitute("listener { name: 'door' } name: '$0'", name));
  }
  void Connect(const std::string& name, const std::string& address) {
    peer().Must(&Handles::Connect,
                absl::Substitute("name: '$0' address: '$1'", name, address));
  }

  const std::string& folder() const { return folder_.path(); }
  std::string Path(const std::string& name) {
    return folder_.path() + "/" + name;
  }
  void MakeFile(const std::string& name, absl::string_view content) {
    const UniqueFd file(creat(Path(name).c_str(), 0600));
    Write(file.get(), content);
  }

 private:
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(OverUnix, HandleKinds,
                         testing::Values(Transport::kUnix));

// ---- Sockets.

TEST_P(HandleKinds, AConnectionIsMadeAcceptedAndUsed) {
  const std::string address = Listen();
  EXPECT_EQ(Get("door").kind(), v1::HANDLE_KIND_LISTENER);
  EXPECT_EQ(Get("door").socket().phase(), v1::SOCKET_PHASE_LISTENING);
  const v1::AcceptResponse nobody = Accept("server");
  EXPECT_TRUE(nobody.would_block());
  EXPECT_FALSE(nobody.has_handle());

  Connect("client", address);
  EXPECT_EQ(Await("door", kIn) & kIn, kIn);
  const v1::AcceptResponse accepted = Accept("server");

  EXPECT_FALSE(accepted.would_block());
  EXPECT_EQ(accepted.handle().kind(), v1::HANDLE_KIND_CONNECTION);
  EXPECT_EQ(Await("client", kOut), kOut);
  EXPECT_EQ(Get("client").socket().phase(), v1::SOCKET_PHASE_CONNECTED);
  EXPECT_EQ(Get("client").socket().peer(), address);
  EXPECT_EQ(Get("server").socket().peer(), Get("client").socket().local());
  peer().Write("client", "ping");
  Await("server", kIn);
  EXPECT_EQ(Read("server", "peek: true").data(), "ping");
  EXPECT_EQ(Read("server").data(), "ping");
  peer().Must(&Handles::Shutdown,
              "handle { name: 'client' } direction: DIRECTION_WRITE");
  Await("server", kIn);
  EXPECT_EQ(Read("server").outcome(), v1::READ_OUTCOME_END_OF_FILE);
}

TEST_P(HandleKinds, ARefusedConnectionIsWritableAndSaysWhy) {
  const std::string address = Listen();
  peer().Close("door");
  Connect("client", address);

  EXPECT_EQ(Await("client", kOut), kOut | kError | kHangup);

  const v1::Handle client = Get("client");
  EXPECT_EQ(client.socket().phase(), v1::SOCKET_PHASE_FAILED);
  EXPECT_EQ(client.socket().error().errno_name(), "ECONNREFUSED");
  EXPECT_THAT(
      peer().Call(&Handles::Read, "handle { name: 'client' } max_bytes: 1"),
      Fails(grpc::UNAVAILABLE, "ECONNREFUSED", ""));
  EXPECT_EQ(Get("client").socket().error().errno_name(), "ECONNREFUSED");
}

TEST_P(HandleKinds, UnixListenersComeAndGoWithTheirPath) {
  const std::string path = Path("door");
  peer().Must(&Handles::Listen,
              absl::Substitute("name: 'door' address: 'unix:$0'", path));
  EXPECT_THAT(peer().Call(&Handles::Listen,
                          absl::Substitute("address: 'unix:$0'", path)),
              Fails(grpc::FAILED_PRECONDITION, "EADDRINUSE", ""));
  Connect("client", "unix:" + path);
  EXPECT_TRUE(Accept("server").has_handle());

  peer().Close("door");

  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_THAT(peer().Call(&Handles::Connect,
                          absl::Substitute("address: 'unix:$0'", path)),
              Fails(grpc::NOT_FOUND, "ENOENT", ""));
}

TEST_P(HandleKinds, UrgentDataGoesPastTheStream) {
  Connect("client", Listen());
  Await("door", kIn);
  Accept("server");
  peer().Must(&Handles::Write,
              "handle { name: 'client' } data: '!' out_of_band: true");

  EXPECT_EQ(Await("server", kPriority), kPriority);
  EXPECT_EQ(Read("server", "out_of_band: true").data(), "!");
  EXPECT_EQ(Read("server").outcome(), v1::READ_OUTCOME_WOULD_BLOCK);
}

TEST_P(HandleKinds, DatagramsKeepTheirBoundsAndTellTheirSource) {
  for (const char* const name : {"one", "two"}) {
    peer().Must(&Handles::CreateDatagramSocket,
                absl::Substitute("name: '$0' local: '127.0.0.1:0'", name));
  }
  const std::string one = Get("one").socket().local();
  const std::string two = Get("two").socket().local();
  EXPECT_EQ(Get("one").kind(), v1::HANDLE_KIND_DATAGRAM_SOCKET);
  for (const char* const data : {"a message", "", "another"}) {
    peer().Must(
        &Handles::Write,
        absl::Substitute("handle { name: 'one' } data: '$0' destination: '$1'",
                         data, two));
  }

  Await("two", kIn);
  const auto cut =
      peer().Must(&Handles::Read, "handle { name: 'two' } max_bytes: 1");
  EXPECT_EQ(cut.data(), "a");
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.source(), one);
  EXPECT_EQ(Read("two").outcome(), v1::READ_OUTCOME_DATA);
  EXPECT_EQ(Read("two").data(), "another");
  EXPECT_EQ(Read("two").outcome(), v1::READ_OUTCOME_WOULD_BLOCK);

  peer().Must(&Handles::CreateDatagramSocket,
              absl::Substitute("name: 'three' peer: '$0'", two));
  peer().Write("three", "hello");
  Await("two", kIn);
  EXPECT_EQ(Read("two").source(), Get("three").socket().local());
}

// ---- Timers and counters.

TEST_P(HandleKinds, ATimerExpires) {
  peer().Must(&Handles::CreateTimer, "name: 'once' after { nanos: 1000000 }");
  EXPECT_EQ(Await("once", kIn), kIn);
  EXPECT_EQ(Read("once").count(), 1u);
  EXPECT_EQ(Read("once").outcome(), v1::READ_OUTCOME_WOULD_BLOCK);

  peer().Must(&Handles::CreateTimer,
              "name: 'often' after { seconds: 3600 } every { seconds: 60 }");
  EXPECT_GT(Get("often").timer().left().seconds(), 3500);
  EXPECT_EQ(Get("often").timer().every().seconds(), 60);
  peer().Must(&Handles::CreateTimer, "name: 'past' at { seconds: 1 }");
  EXPECT_EQ(Await("past", kIn), kIn);
}

TEST_P(HandleKinds, ACounterCounts) {
  peer().Must(&Handles::CreateCounter, "name: 'jobs'");
  EXPECT_EQ(Await("jobs", kIn | kOut), kOut);
  peer().Must(&Handles::Write, "handle { name: 'jobs' } count: 3");
  EXPECT_EQ(Await("jobs", kIn), kIn);
  EXPECT_EQ(Read("jobs").count(), 3u);
  EXPECT_EQ(Read("jobs").outcome(), v1::READ_OUTCOME_WOULD_BLOCK);

  peer().Must(&Handles::CreateCounter,
              "name: 'full' initial: 18446744073709551614 semaphore: true");
  EXPECT_TRUE(peer()
                  .Must(&Handles::Write, "handle { name: 'full' } count: 1")
                  .would_block());
  EXPECT_EQ(Read("full").count(), 1u);
  EXPECT_FALSE(peer()
                   .Must(&Handles::Write, "handle { name: 'full' } count: 1")
                   .would_block());
}

// ---- Files and watches.

TEST_P(HandleKinds, AFileIsAlwaysReady) {
  MakeFile("file", "content");
  peer().Must(&Handles::OpenFile,
              absl::Substitute("name: 'file' path: '$0'", Path("file")));

  EXPECT_EQ(Await("file", kIn | kOut), kIn | kOut);
  EXPECT_EQ(Get("file").path(), Path("file"));
  EXPECT_EQ(Read("file", "peek: true").data(), "content");
  EXPECT_EQ(Read("file").data(), "content");
  EXPECT_EQ(Read("file").outcome(), v1::READ_OUTCOME_END_OF_FILE);
}

TEST_P(HandleKinds, AFifoIsWaitedOn) {
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  peer().Must(&Handles::OpenFile,
              absl::Substitute("name: 'r' path: '$0'", Path("fifo")));
  peer().Must(
      &Handles::OpenFile,
      absl::Substitute("name: 'w' path: '$0' write: true", Path("fifo")));
  peer().Write("w", "word");
  EXPECT_EQ(Await("r", kIn), kIn);
  EXPECT_EQ(Read("r").data(), "word");
  peer().Close("w");
  EXPECT_EQ(Await("r", kIn), kHangup);
  EXPECT_EQ(Read("r").outcome(), v1::READ_OUTCOME_END_OF_FILE);
}

TEST_P(HandleKinds, AWatchTellsWhatHappens) {
  MakeFile("old", "");
  peer().Must(&Handles::WatchPath,
              absl::Substitute(
                  "name: 'watch' path: '$0' events: $1", folder(),
                  v1::PATH_EVENT_BIT_CREATED + v1::PATH_EVENT_BIT_DELETED));
  EXPECT_EQ(Read("watch").outcome(), v1::READ_OUTCOME_WOULD_BLOCK);

  MakeFile("\xff", "");
  unlink(Path("old").c_str());

  EXPECT_EQ(Await("watch", kIn), kIn);
  const v1::ReadResponse happened = Read("watch");
  ASSERT_EQ(happened.path_events_size(), 2);
  EXPECT_EQ(happened.path_events(0).events(), v1::PATH_EVENT_BIT_CREATED);
  EXPECT_EQ(happened.path_events(0).name(), "\xff");
  EXPECT_EQ(happened.path_events(1).events(), v1::PATH_EVENT_BIT_DELETED);
  EXPECT_EQ(happened.path_events(1).name(), "old");
}

// ---- Transfers, and how new an answer is.

TEST_P(HandleKinds, BytesMoveWithinTheServer) {
  peer().MakePipe("in", "out");
  peer().MakeSocketPair("left", "right");
  const auto transfer = [&](const std::string& more) {
    return peer().Must(&Handles::Transfer, "from { name: 'in' } " + more);
  };
  peer().Write("out", "hello, world");

  const auto some = transfer("to { name: 'left' } max_bytes: 5");
  EXPECT_EQ(some.bytes(), 5);
  EXPECT_EQ(some.stop(), v1::TRANSFER_STOP_LIMIT);
  const auto rest = transfer("to { name: 'left' } max_bytes: 100");
  EXPECT_EQ(rest.bytes(), 7);
  EXPECT_EQ(rest.stop(), v1::TRANSFER_STOP_SOURCE_EMPTY);
  EXPECT_EQ(Read("right").data(), "hello, world");
  EXPECT_EQ(Get("in").bytes_read(), 12);
  EXPECT_EQ(Get("left").bytes_written(), 12);

  peer().Close("out");
  EXPECT_EQ(transfer("to { name: 'left' } max_bytes: 1").stop(),
            v1::TRANSFER_STOP_END_OF_FILE);
}

TEST_P(HandleKinds, AnAnswerSaysWhichEventsItIsNewerThan) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("other");
  peer().Register("poll", "in", kIn);
  EXPECT_EQ(Read("in").readiness().generation(), 0);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  const v1::Event event = wait.Read()->events(0);
  EXPECT_EQ(event.readiness_generation(), 1);

  // It takes what the event spoke of, and knows of the event.
  const v1::ReadResponse took = Read("in");
  EXPECT_EQ(took.data(), "x");
  EXPECT_EQ(took.readiness().generation(), 1);
  EXPECT_EQ(took.readiness().sequence(), 1);
  EXPECT_EQ(took.readiness().selector_id(),
            peer()
                .Must(&Selectors::GetSelector, "selector { name: 'poll' }")
                .selector()
                .id());
  const v1::ReadResponse none = Read("in");
  EXPECT_EQ(none.outcome(), v1::READ_OUTCOME_WOULD_BLOCK);
  // So an event of generation 1 is old; the next report is not.
  peer().Write("out", "y");
  wait.Grant(1);
  const v1::Event next = wait.Read()->events(0);
  EXPECT_GT(next.readiness_generation(), none.readiness().generation());
  EXPECT_EQ(Get("in").readiness().generation(), 2);
}

// ---- Running out.

TEST_P(HandleKinds, AFullDescriptorTableIsSaidByEveryMaker) {
  MakeFile("file", "");
  const std::string address = Listen();
  Connect("waiting", address);
  Await("door", kIn);
  const int before = CountOpenDescriptors();
  const std::string file = absl::Substitute("path: '$0'", Path("file"));
  const std::string there = absl::Substitute("address: '$0'", address);
  const auto statuses = [&]() -> std::vector<grpc::Status> {
    const DescriptorLimit limit(0);
    return {
        peer().Call(&Handles::Listen, "address: '127.0.0.1:0'").status,
        peer().Call(&Handles::Accept, "listener { name: 'door' }").status,
        peer().Call(&Handles::Connect, there).status,
        peer()
            .Call(&Handles::CreateDatagramSocket, "local: '127.0.0.1:0'")
            .status,
        peer().Call(&Handles::CreateTimer, "after { seconds: 1 }").status,
        peer().Call(&Handles::CreateCounter, "").status,
        peer().Call(&Handles::OpenFile, file).status,
        peer().Call(&Handles::WatchPath, file).status,
    };
  };
  // Outside of the limit: UBSan checks matchers by descriptors of its own.
  for (const grpc::Status& status : statuses()) {
    EXPECT_THAT(status, Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", ""));
  }
  // Fewer is fine: what the warm-up used may have been closed meanwhile.
  EXPECT_LE(CountOpenDescriptors(), before);
  EXPECT_TRUE(Accept("served").has_handle());
}

}  // namespace
}  // namespace farpoll
