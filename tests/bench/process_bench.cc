// tests/bench/process_bench.cc: room: tests. Child processes through farpoll
// beside the same without it: P1 and P2 of docs/performance.md.
//   ./bazelw run -c opt //tests/bench:process_bench -- --json FILE
#include <fcntl.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "client/client.h"
#include "server/server.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/report.h"
#include "tests/support/temporary_folder.h"

extern char** environ;

namespace farpoll {
namespace {

constexpr int kRepetitions = 7;
constexpr int kChildren = 60;
constexpr std::size_t kMessageBytes = 64 << 10;
constexpr std::size_t kStreamBytes = std::size_t{256} << 20;

template <class Round>
double MedianOf(Round round) {
  std::vector<double> micros;
  for (int i = 0; i < kChildren; ++i) {
    const SteadyClock::time_point start = SteadyClock::now();
    round();
    micros.push_back(MicrosSince(start));
  }
  return Median(std::move(micros));
}

// ---- P1: to start a program and to hear of its end.

UniqueFd SpawnLocally(const std::vector<std::string>& words,
                      const posix_spawn_file_actions_t* actions) {
  std::vector<char*> argv;
  for (const std::string& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawn(&pid, argv[0], actions, nullptr, argv.data(), environ) != 0) {
    std::cerr << "cannot start " << words[0] << "\n";
    exit(1);
  }
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void AwaitEnd(const UniqueFd& child) {
  pollfd entry{child.get(), POLLIN, 0};
  (void)poll(&entry, 1, -1);
  siginfo_t info;
  (void)waitid(P_PIDFD, static_cast<id_t>(child.get()), &info, WEXITED);
}

// A server of its own and a session.
class FarpollPeer {
 public:
  FarpollPeer()
      // Spawning takes a Unix socket, whose peers are known.
      : server_(OrDie(server::Server::Start(
            {.listen = {absl::StrCat("unix:", folder_.path(), "/s")}}))),
        client_(OrDie(Client::Connect(server_->addresses().front()))),
        session_(OrDie(client_.CreateSession())) {
    SpawnAndWait();  // the guardian is started with the first child
  }

  const std::string& address() const { return server_->addresses().front(); }
  void RoundTrip() { (void)OrDie(session_.Describe()); }

  void SpawnAndWait() {
    v1::SpawnRequest request;
    request.add_argv("/bin/true");
    request.set_output(v1::STDIO_NULL);
    request.set_errors(v1::STDIO_NULL);
    const SteadyClock::time_point start = SteadyClock::now();
    Child child = OrDie(session_.Spawn(std::move(request)));
    const SelectPositions ended =
        OrDie(session_.Select({absl::StrCat(child.process.id())}, {}, {}));
    micros_ = MicrosSince(start);
    if (ended.read.size() != 1) {
      std::cerr << "no exit came\n";
      exit(1);
    }
  }
  // Of the last SpawnAndWait, without the closing of the handle.
  double micros() const { return micros_; }

 private:
  const TemporaryFolder folder_;
  const std::unique_ptr<server::Server> server_;
  Client client_;
  Session session_;
  double micros_ = 0;
};

void Spawning(Report& report) {
  // Children have sessions of their own.
  const OneCore one_core(OneCore::Idle::kMay);
  FarpollPeer peer;
  report.Compare("P1", "start /bin/true and hear of its end", "us",
                 kRepetitions,
                 {{"posix_spawn, pidfd, poll",
                   [] {
                     return MedianOf([] {
                       AwaitEnd(SpawnLocally({"/bin/true"}, nullptr));
                     });
                   }},
                  {"farpoll",
                   [&] {
                     std::vector<double> micros;
                     for (int i = 0; i < kChildren; ++i) {
                       peer.SpawnAndWait();
                       micros.push_back(peer.micros());
                     }
                     return Median(std::move(micros));
                   }},
                  {"a bare round trip",
                   [&] { return MedianOf([&] { peer.RoundTrip(); }); }}});
}

// ---- P2: bytes there and back.

// Sends back what it is sent.
class EchoService final : public grpc::CallbackGenericService {
 private:
  class Echo final : public grpc::ServerGenericBidiReactor {
   public:
    Echo() { StartRead(&bytes_); }
    void OnReadDone(bool ok) override {
      ok ? StartWrite(&bytes_) : Finish(grpc::Status::OK);
    }
    void OnWriteDone(bool ok) override {
      ok ? StartRead(&bytes_) : Finish(grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    grpc::ByteBuffer bytes_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* /*context*/) override {
    return new Echo;
  }
};

// The client's side: sends kStreamBytes, and waits for all of them.
class EchoCall final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit EchoCall(grpc::GenericStub& stub) : message_(kMessageBytes, 'x') {
    stub.PrepareBidiStreamingCall(&context_, "/bare.Echo/Echo", {}, this);
    Send();
    StartRead(&in_);
    StartCall();
  }

  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  void OnWriteDone(bool ok) override {
    sent_ += message_.size();
    if (ok && sent_ < kStreamBytes) {
      Send();
    } else {
      StartWritesDone();
    }
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartRead(&in_);
    }
  }
  void OnDone(const grpc::Status& /*status*/) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

 private:
  void Send() {
    const grpc::Slice slice(message_.data(), message_.size());
    out_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&out_);
  }

  const std::string message_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  std::size_t sent_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

double MegabytesPerSecond(double micros) {
  return static_cast<double>(kStreamBytes) / micros;
}

// `farpoll run -- cat`, from a file in memory to nowhere.
double RunCat(const std::string& farpoll, const std::string& address) {
  const UniqueFd input(memfd_create("input", MFD_CLOEXEC));
  const std::string block(1 << 20, 'x');
  for (std::size_t at = 0; at < kStreamBytes; at += block.size()) {
    (void)!write(input.get(), block.data(), block.size());
  }
  (void)lseek(input.get(), 0, SEEK_SET);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  const SteadyClock::time_point start = SteadyClock::now();
  AwaitEnd(
      SpawnLocally({farpoll, "--addr", address, "run", "--", "cat"}, &actions));
  const double micros = MicrosSince(start);
  posix_spawn_file_actions_destroy(&actions);
  return MegabytesPerSecond(micros);
}

void Streaming(Report& report) {
  EchoService service;
  const TemporaryFolder folder;
  const std::string address = absl::StrCat("unix:", folder.path(), "/bare");
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  const std::unique_ptr<grpc::Server> bare = builder.BuildAndStart();
  grpc::GenericStub stub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  const FarpollPeer peer;
  const std::string farpoll =
      (std::filesystem::canonical("/proc/self/exe").parent_path() /
       "../../client/cli/farpoll")
          .string();
  report.Compare("P2", "256 MiB through cat", "MB/s", kRepetitions,
                 {{"bare gRPC stream, 64 KiB messages",
                   [&] {
                     const SteadyClock::time_point start = SteadyClock::now();
                     EchoCall(stub).Await();
                     return MegabytesPerSecond(MicrosSince(start));
                   }},
                  {"farpoll run -- cat",
                   [&] { return RunCat(farpoll, peer.address()); }}});
  bare->Shutdown();
}

int Main(int argc, char** argv) {
  Report report(argc, argv);
  Spawning(report);
  Streaming(report);
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
