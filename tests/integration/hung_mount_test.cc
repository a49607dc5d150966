// tests/integration/hung_mount_test.cc: room: tests. A file system that does
// not answer holds up the calls that need it, and nobody else.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"
#include "tests/support/fuse_mount.h"

namespace farpoll {
namespace {

class HungMountTest : public FarpolldTest {
 protected:
  void SetUp() override {
    const std::string mount_point = folder_.path() + "/mount";
    ASSERT_EQ(mkdir(mount_point.c_str(), 0700), 0);
    mount_ = std::make_unique<FuseMount>(mount_point);
    if (!mount_->problem().empty()) {
      GTEST_SKIP() << mount_->problem();
    }
  }

  // Starts the server, with a session that has `file`, `in`, `out` and `s`.
  void Start(std::vector<std::string> flags = {}) {
    flags.push_back(UnixFlag());
    // At the end a leak checker would wait for the threads that hang.
    farpolld_ = std::make_unique<Farpolld>(
        std::move(flags),
        std::vector<std::string>{"ASAN_OPTIONS=detect_leaks=0"});
    address_ = farpolld_->AwaitAddress();
    peer_ = std::make_unique<Peer>(address_);
    peer_->MakePipe("warm", "up");
    peer_->Close("warm");
    peer_->Close("up");
    descriptors_ = farpolld_->CountDescriptors();
    Open("file");
    peer_->MakePipe("in", "out");
    peer_->MakeSelector("s");
    peer_->Write("out", "abc");
  }

  void Open(const std::string& name) {
    peer_->Must(&Handles::OpenFile,
                absl::Substitute("name: '$0' path: '$1' read: true write: true",
                                 name, mount_->file()));
  }

  // Of the server's threads, those for what can block.
  std::size_t CountBlockingThreads() const {
    std::size_t count = 0;
    for (const auto& task : std::filesystem::directory_iterator(
             absl::StrCat("/proc/", farpolld_->pid(), "/task"))) {
      std::string name;
      std::ifstream(task.path() / "comm") >> name;
      count += name == "farpoll-block" ? 1 : 0;
    }
    return count;
  }

  // What goes on while a file system hangs.
  void ExpectOthersServed() {
    EXPECT_EQ(peer_->Must(&Handles::ListHandles, "").handles_size(), 3);
    peer_->Must(&Handles::GetHandle, "handle { name: 'file' }");
    peer_->Register("s", "file", kIn);
    EXPECT_EQ(peer_->Poll("s", absl::ZeroDuration()), "file:1");
    peer_->MakePipe("r", "w");
    peer_->Write("w", "x");
    EXPECT_EQ(peer_->Read("r"), "x");
    Peer other(address_);
    other.MakePipe("in", "out");
    other.Write("out", "hello");
    EXPECT_EQ(other.Read("in"), "hello");
  }

  // Once the file system answers, the server has what it had before.
  void ExpectAllGivenBack() {
    peer_->EndSession();
    mount_->Resume();
    Await([this] { return farpolld_->CountDescriptors() <= descriptors_; },
          "descriptors to be closed");
    peer_.reset();
    EXPECT_EQ(farpolld_->Stop(), 0);
  }

  std::unique_ptr<Farpolld> farpolld_;
  std::string address_;
  std::unique_ptr<Peer> peer_;
  int descriptors_ = 0;
  std::unique_ptr<FuseMount> mount_;  // goes first, and lets the rest go
};

// ---- Each call that can hang.

struct HungCall {
  std::string name;
  // Made in the context; `$0` is the file's path.
  std::function<grpc::Status(Peer&, grpc::ClientContext&, const std::string&)>
      run;
};

void PrintTo(const HungCall& call, std::ostream* out) { *out << call.name; }

template <class Stub, class Request, class Response>
HungCall Calling(const std::string& name,
                 Method<Stub, Request, Response> method,
                 const std::string& request) {
  return {
      name,
      [=](Peer& peer, grpc::ClientContext& context, const std::string& path) {
        return peer
            .CallIn(context, kPatience, method, absl::Substitute(request, path))
            .status;
      }};
}

class HungCallTest : public HungMountTest,
                     public testing::WithParamInterface<HungCall> {};

TEST_P(HungCallTest, HoldsNobodyElseUpAndCanBeCancelled) {
  Start();
  mount_->Hang();
  auto context = std::make_unique<grpc::ClientContext>();
  auto hung = std::async(std::launch::async, [&] {
    return GetParam().run(*peer_, *context, mount_->file());
  });
  mount_->AwaitRequest();

  ExpectOthersServed();
  context->TryCancel();
  EXPECT_EQ(hung.get().error_code(), grpc::StatusCode::CANCELLED);
  context.reset();
  peer_->Close("file");
  ExpectAllGivenBack();
}

INSTANTIATE_TEST_SUITE_P(
    Of, HungCallTest,
    testing::Values(
        Calling("Read", &Handles::Read, "handle { name: 'file' } max_bytes: 9"),
        Calling("Peek", &Handles::Read,
                "handle { name: 'file' } max_bytes: 9 peek: true"),
        Calling("Write", &Handles::Write, "handle { name: 'file' } data: 'x'"),
        Calling("TransferFrom", &Handles::Transfer,
                "from { name: 'file' } to { name: 'out' } max_bytes: 9"),
        Calling("TransferTo", &Handles::Transfer,
                "from { name: 'in' } to { name: 'file' } max_bytes: 9"),
        Calling("OpenFile", &Handles::OpenFile, "path: '$0'"),
        Calling("WatchPath", &Handles::WatchPath, "path: '$0'"),
        Calling("Listen", &Handles::Listen, "address: 'unix:$0'"),
        Calling("Connect", &Handles::Connect, "address: 'unix:$0'"),
        Calling("CreateDatagramSocket", &Handles::CreateDatagramSocket,
                "local: 'unix:$0'")),
    [](const testing::TestParamInfo<HungCall>& info) {
      return info.param.name;
    });

// ---- While it answers.

TEST_F(HungMountTest, ItsFilesAreLikeAnyOtherWhileItAnswers) {
  Start();
  const auto there = [this] {
    return peer_->Must(&Handles::GetHandle, "handle { name: 'file' }")
        .handle()
        .readable_bytes();
  };
  peer_->Must(&Selectors::CreateSelector,
              "name: 'kq' kind: SELECTOR_KIND_KQUEUE");
  const auto add = [this](const char* filter) {
    return peer_->Call(
        &Selectors::Control,
        absl::Substitute("selector { name: 'kq' } timeout {} "
                         "changes { ident: $0 filter: $1 flags: 1 }",
                         peer_->IdOf("file"), filter));
  };

  EXPECT_EQ(there(), 5);
  EXPECT_EQ(peer_->Read("file", 2), "he");
  EXPECT_EQ(there(), 3);
  EXPECT_EQ(peer_
                ->Must(&Handles::Transfer,
                       "from { name: 'file' } to { name: 'out' } max_bytes: 9")
                .bytes(),
            3);
  EXPECT_EQ(peer_->Read("in"), "abcllo");
  EXPECT_EQ(there(), 0);
  EXPECT_EQ(peer_->Write("file", "more").bytes_written(), 4);
  EXPECT_THAT(add("-4"), Fails(grpc::UNIMPLEMENTED, "EOPNOTSUPP", "FAR_FILE"));
  ExpectAllGivenBack();
}

// ---- What ends it.

TEST_F(HungMountTest, DeletingTheSessionAnswersTheCall) {
  Start();
  mount_->Hang();
  auto hung = std::async(std::launch::async, [&] {
    return peer_->Call(&Handles::Read, "handle { name: 'file' } max_bytes: 9");
  });
  mount_->AwaitRequest();

  peer_->EndSession();

  EXPECT_THAT(hung.get(),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "SESSION_DELETED"));
  Peer(address_).MakePipe("in", "out");
  ExpectAllGivenBack();
}

TEST_F(HungMountTest, TheServerStopsWhileAFileIsBeingOpened) {
  Start({"--grace=0s"});
  peer_->EndSession();
  Peer peer(address_);
  mount_->Hang();
  auto hung = std::async(std::launch::async, [&] {
    return peer.Call(&Handles::OpenFile,
                     absl::Substitute("path: '$0'", mount_->file()));
  });
  mount_->AwaitRequest();

  EXPECT_EQ(farpolld_->Stop(), 0);

  EXPECT_EQ(hung.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

// The kernel closes what is open when a process ends, and does not let go of it
// while FUSE does not answer for that. Everything else is over by then.
TEST_F(HungMountTest, TheServerStopsWhileAFileIsBeingRead) {
  Start();
  mount_->Hang();
  auto hung = std::async(std::launch::async, [&] {
    return peer_->Call(&Handles::Read, "handle { name: 'file' } max_bytes: 9");
  });
  mount_->AwaitRequest();

  farpolld_->Signal(SIGTERM);

  EXPECT_EQ(hung.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  Await([this] { return access(SocketPath().c_str(), F_OK) != 0; },
        "the socket to be removed");
  Farpolld next({UnixFlag()});
  Peer(next.AwaitAddress()).MakePipe("in", "out");
  EXPECT_EQ(next.Stop(), 0);
  mount_.reset();
  EXPECT_EQ(farpolld_->Wait(), 0);
}

TEST_F(HungMountTest, CallsInItAreBounded) {
  Start({"--max-file-calls=2"});
  mount_->Hang();
  Answer<v1::ReadResponse> last;
  for (int i = 0; i < 2; ++i) {
    last = peer_->CallFor(absl::Milliseconds(50), &Handles::Read,
                          "handle { name: 'file' } max_bytes: 9");
    EXPECT_EQ(last.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }

  EXPECT_THAT(
      peer_->Call(&Handles::Read, "handle { name: 'file' } max_bytes: 9"),
      Fails(grpc::RESOURCE_EXHAUSTED, "EAGAIN", "LIMIT_FILE_CALLS"));

  ExpectOthersServed();
  mount_->Resume();
  Await(
      [this] {
        return peer_
            ->Call(&Handles::Read, "handle { name: 'file' } max_bytes: 9")
            .status.ok();
      },
      "room for another call");
  ExpectAllGivenBack();
}

TEST_F(HungMountTest, ThreadsThatHangAreBounded) {
  Start({"--max-principal-blocking-threads=2"});
  for (int i = 0; i < 5; ++i) {
    Open(absl::StrCat("file", i));
  }
  mount_->Hang();
  for (int i = 0; i < 5; ++i) {
    peer_->CallFor(
        absl::Milliseconds(50), &Handles::Read,
        absl::Substitute("handle { name: 'file$0' } max_bytes: 9", i));
    peer_->Close(absl::StrCat("file", i));
  }

  ExpectOthersServed();
  EXPECT_LE(CountBlockingThreads(), 3u);  // those that hang, and a spare one
  ExpectAllGivenBack();
}

}  // namespace
}  // namespace farpoll
