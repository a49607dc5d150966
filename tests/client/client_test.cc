// The client library against a whole server in this process.
#include "client/client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "client/local_server.h"
#include "server/server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(server_, IsOk());
    absl::StatusOr<Session> session = client_.CreateSession();
    ASSERT_THAT(session, IsOk());
    session_.emplace(*std::move(session));
  }

  Pipe MakePipe() { return *session_->CreatePipe(); }
  Selector MakeSelector() { return *session_->CreateSelector(); }

  absl::StatusOr<LocalServer> server_ = LocalServer::Start();
  Client client_ = server_->Connect();
  absl::optional<Session> session_;
};

TEST_F(ClientTest, ConnectRefusesWhatIsNoAddress) {
  EXPECT_THAT(Client::Connect("unix:/s"), IsOk());
  EXPECT_THAT(Client::Connect("host:1"), IsOk());
  EXPECT_THAT(Client::Connect("host"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Client::Connect("unix:"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ClientTest, UnreachableServerIsUnavailable) {
  const TemporaryFolder folder;
  absl::StatusOr<Client> client =
      Client::Connect("unix:" + folder.path() + "/socket");

  EXPECT_THAT(client->GetServer(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ClientTest, ErrorsCarryErrnoReasonAndSubject) {
  const absl::Status status = session_->AttachHandle("nope").Read().status();

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(DetailOf(status).reason, "HANDLE_UNKNOWN");
  EXPECT_EQ(DetailOf(status).subject, "nope");
}

TEST_F(ClientTest, OwnedGoesWithItsObject) {
  {
    Pipe pipe = MakePipe();
    Selector selector = MakeSelector();
    pipe.writer.Release();
    const Session other = *client_.CreateSession();
    EXPECT_THAT(*client_.ListSessions(), SizeIs(2));
  }

  EXPECT_THAT(*client_.ListSessions(), SizeIs(1));
  EXPECT_THAT(*session_->ListSelectors(), IsEmpty());
  EXPECT_THAT(*session_->ListHandles(), SizeIs(1));
}

TEST_F(ClientTest, MovedFromOwnsNothing) {
  Pipe pipe = MakePipe();
  const Handle moved = std::move(pipe.reader);
  { const Handle gone = std::move(pipe.reader); }

  EXPECT_THAT(*session_->ListHandles(), SizeIs(2));
}

TEST_F(ClientTest, HeldLeaseIsShownAsAStream) {
  ASSERT_THAT(session_->HoldLease(), IsOk());

  EXPECT_EQ(session_->Describe()->streams(), 1);
}

TEST_F(ClientTest, ReadTellsDataFromNothingAndFromTheEnd) {
  Pipe pipe = MakePipe();

  EXPECT_TRUE(pipe.reader.Read()->would_block);
  EXPECT_EQ(pipe.writer.Write("hi")->bytes_written, 2);
  EXPECT_EQ(pipe.reader.Read()->data, "hi");
  ASSERT_THAT(pipe.writer.Close(), IsOk());
  EXPECT_TRUE(pipe.reader.Read()->end_of_file);
}

TEST_F(ClientTest, ReadAllReadsToTheEnd) {
  Pipe pipe = MakePipe();
  EXPECT_EQ(pipe.writer.Write("all of it")->bytes_written, 9);

  EXPECT_THAT(session_->ReadAll(pipe.reader, 100, Timeout::Zero()),
              HasErrno(ETIMEDOUT));
  EXPECT_EQ(pipe.writer.Write("the rest")->bytes_written, 8);
  EXPECT_THAT(session_->ReadAll(pipe.reader, 7), HasErrno(EFBIG));
  EXPECT_EQ(pipe.writer.Write("last")->bytes_written, 4);
  ASSERT_THAT(pipe.writer.Close(), IsOk());
  EXPECT_THAT(session_->ReadAll(pipe.reader, 4), IsOkAndHolds("last"));
}

TEST_F(ClientTest, ConnectionsAndCountersAreUsed) {
  v1::ListenRequest listen;
  listen.set_address("127.0.0.1:0");
  absl::StatusOr<Handle> listener = session_->Listen(listen);
  ASSERT_THAT(listener, IsOk());
  EXPECT_FALSE(listener->Accept()->has_value());
  v1::ConnectRequest connect;
  connect.set_address(listener->Describe()->socket().local());
  absl::StatusOr<Handle> client = session_->Connect(connect);
  ASSERT_THAT(client, IsOk());
  Selector selector = MakeSelector();
  ASSERT_THAT(selector.Register(*listener, kIn), IsOk());
  ASSERT_THAT(selector.Poll(), IsOkAndHolds(SizeIs(1)));
  absl::StatusOr<absl::optional<Handle>> server = listener->Accept("server");
  ASSERT_THAT(server, IsOk());
  ASSERT_TRUE(server->has_value());
  EXPECT_EQ((*server)->name(), "server");

  absl::StatusOr<Handle> counter = session_->CreateCounter({});
  ASSERT_THAT(counter, IsOk());
  EXPECT_THAT(counter->Add(3), IsOk());
  EXPECT_EQ(counter->Read()->count, 3u);
  Pipe pipe = MakePipe();
  EXPECT_EQ(pipe.writer.Write("word")->bytes_written, 4);
  EXPECT_EQ(pipe.reader.TransferTo(*client)->bytes(), 4);
}

TEST_F(ClientTest, HoldLeaseOfAnUnknownSessionIsAnError) {
  Session unknown = client_.AttachSession("unknown");

  EXPECT_THAT(unknown.HoldLease(), HasErrno(ENOENT));
}

TEST_F(ClientTest, PollReportsWhatWasRegistered) {
  const Pipe pipe = MakePipe();
  Selector selector = MakeSelector();
  ASSERT_THAT(selector.Register(pipe.reader, kIn), IsOk());
  const absl::StatusOr<std::int64_t> generation =
      selector.Register(pipe.writer, kOut, Trigger::kEdge, 7);

  const auto events = selector.Poll(Timeout::Zero());

  ASSERT_THAT(events, IsOk());
  ASSERT_THAT(*events, SizeIs(1));
  EXPECT_EQ((*events)[0].handle_id, pipe.writer.id());
  EXPECT_EQ((*events)[0].events, kOut);
  EXPECT_EQ((*events)[0].cookie, 7u);
  EXPECT_EQ((*events)[0].generation, *generation);
  EXPECT_THAT(selector.Register(pipe.reader, kIn), HasErrno(EEXIST));
}

TEST_F(ClientTest, ModifyAndUnregister) {
  const Pipe pipe = MakePipe();
  Selector selector = MakeSelector();
  EXPECT_THAT(selector.Modify(pipe.writer, kOut), HasErrno(ENOENT));
  ASSERT_THAT(selector.Register(pipe.writer, kOut), IsOk());

  EXPECT_THAT(selector.Modify(pipe.writer, kOut, Trigger::kLevel, 9), IsOk());
  EXPECT_EQ(selector.Registrations()->at(0).cookie(), 9u);
  EXPECT_THAT(selector.Unregister(pipe.writer), IsOk());
  EXPECT_THAT(*selector.Registrations(), IsEmpty());
}

TEST_F(ClientTest, NotANumberIsRefusedHere) {
  EXPECT_THAT(MakeSelector().Poll(Timeout::Seconds(std::nan(""))),
              HasErrno(EINVAL));
}

TEST_F(ClientTest, SelectReturnsPositions) {
  PipeOptions names;
  names.reader_name = "in";
  names.writer_name = "out";
  const Pipe pipe = *session_->CreatePipe(names);

  const absl::StatusOr<SelectPositions> ready = session_->Select(
      std::vector<std::string>{"in"}, std::vector<std::string>{"in", "out"}, {},
      Timeout::Zero());

  ASSERT_THAT(ready, IsOk());
  EXPECT_THAT(ready->read, IsEmpty());
  EXPECT_THAT(ready->write, ElementsAre(1));
}

TEST_F(ClientTest, StreamIteratesWhileEventsAreDealtWith) {
  Pipe pipe = MakePipe();
  Selector selector = MakeSelector();
  ASSERT_THAT(selector.Register(pipe.reader, kIn), IsOk());
  ASSERT_THAT(pipe.writer.Write("abc"), IsOk());
  WaitOptions options;
  options.timeout = Timeout::Zero();
  absl::StatusOr<EventStream> stream = selector.Wait(options);
  ASSERT_THAT(stream, IsOk());

  std::string read;
  for (const auto& event : *stream) {
    EXPECT_EQ(event.handle_id, pipe.reader.id());
    read += pipe.reader.Read(1)->data;
  }

  EXPECT_EQ(read, "abc");
  EXPECT_THAT(stream->status(), IsOk());
  EXPECT_GE(stream->position().sequence, 3);
}

TEST_F(ClientTest, CancelEndsAStreamFromAnotherThread) {
  Selector selector = MakeSelector();
  absl::StatusOr<EventStream> stream = selector.Wait();
  ASSERT_THAT(stream, IsOk());

  std::thread canceller([&] { stream->Cancel(); });
  const WaitResult* result = stream->Next();
  canceller.join();

  EXPECT_EQ(result, nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ClientTest, ClientCancelEndsCallsButStillCleansUp) {
  {
    const Pipe pipe = MakePipe();
    Client other = client_;  // shares the connection
    other.Cancel();
    EXPECT_THAT(session_->Describe(), StatusIs(absl::StatusCode::kCancelled));
  }
  session_.reset();

  EXPECT_THAT(*server_->Connect().ListSessions(), IsEmpty());
}

TEST_F(ClientTest, ListsReadAllPages) {
  std::vector<Pipe> pipes;
  for (int i = 0; i < 501; ++i) {
    pipes.push_back(MakePipe());
  }

  EXPECT_THAT(*session_->ListHandles(), SizeIs(1002));
}

// ---- Descriptors handed over and fetched.

class PassingClientTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    auto server = server::Server::Start({.listen = {"unix:" + folder_ + "/s"}});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    absl::StatusOr<Session> session =
        Client::Connect(server_->addresses().front())->CreateSession();
    ASSERT_THAT(session, IsOk());
    session_.emplace(*std::move(session));
  }
  void TearDown() override {
    session_.reset();
    server_.reset();
    rmdir(folder_.c_str());
  }

  std::string folder_ = "/tmp/farpoll_client_XXXXXX";
  std::unique_ptr<server::Server> server_;
  absl::optional<Session> session_;
};

TEST_F(PassingClientTest, APassedDescriptorIsAHandle) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);

  absl::StatusOr<Handle> handle = session_->Pass(reader.get(), "in");

  ASSERT_THAT(handle, IsOk());
  EXPECT_EQ(handle->name(), "in");
  ASSERT_EQ(write(writer.get(), "hi", 2), 2);
  EXPECT_EQ(handle->Read()->data, "hi");
  EXPECT_THAT(session_->Pass(reader.get(), "in"),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(PassingClientTest, AFetchedHandleIsTheSameFile) {
  absl::StatusOr<Pipe> pipe = session_->CreatePipe();

  const absl::StatusOr<UniqueFd> writer = pipe->writer.Fetch();

  ASSERT_THAT(writer, IsOk());
  ASSERT_EQ(write(writer->get(), "hi", 2), 2);
  EXPECT_EQ(pipe->reader.Read()->data, "hi");
}

TEST_F(PassingClientTest, AFetchedSelectorPollsReadableWhenThereIsSomething) {
  absl::StatusOr<Pipe> pipe = session_->CreatePipe();
  absl::StatusOr<Selector> selector = session_->CreateSelector();
  ASSERT_THAT(selector->Register(pipe->reader, kIn), IsOk());
  const absl::StatusOr<UniqueFd> fetched = selector->Fetch();
  ASSERT_THAT(fetched, IsOk());
  pollfd entry{.fd = fetched->get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0);

  ASSERT_THAT(pipe->writer.Write("x"), IsOk());

  EXPECT_EQ(poll(&entry, 1, 30'000), 1);
  EXPECT_THAT(*selector->Poll(Timeout::Zero()), SizeIs(1));
}

TEST_F(PassingClientTest, WhatIsNotThereIsSaid) {
  const absl::Status status = session_->AttachHandle("none").Fetch().status();

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(DetailOf(status).reason, "HANDLE_UNKNOWN");
}

TEST_F(PassingClientTest, DescriptorsDoNotTravelOverTcp) {
  Client client = *Client::Connect("127.0.0.1:1");

  EXPECT_EQ(DetailOf(client.AttachSession("any").Pass(0).status()).reason,
            "NOT_LOCAL");
}

TEST_F(PassingClientTest, ADetachedSessionOutlivesItsObject) {
  Client client = *Client::Connect(server_->addresses().front());
  std::string id;
  {
    const absl::StatusOr<Session> session =
        client.CreateSession({.detached = true});
    ASSERT_THAT(session, IsOk());
    id = session->id();
  }

  EXPECT_THAT(client.AttachSession(id).Describe(), IsOk());
  EXPECT_THAT(client.AttachSession(id).Close(), IsOk());
}

}  // namespace
}  // namespace farpoll
