// G7: a push beside what brokers take for theirs: NATS core, publish to
// subscriber, and etcd, put to watch. Those that are not installed are left
// out.
#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "tests/bench/etcd.grpc.pb.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/program.h"
#include "tests/bench/service_cases.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

constexpr int kRepetitions = 7;
constexpr auto kPatience = std::chrono::seconds(20);

// A port of loopback that is free now.
int FreePort() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  OrDie(bind(socket.get(), any, size) == 0 &&
            getsockname(socket.get(), any, &size) == 0,
        "no free port");
  return ntohs(address.sin_port);
}

// Tries until it works; false after kPatience.
bool Eventually(const std::function<bool()>& works) {
  const SteadyClock::time_point start = SteadyClock::now();
  while (!works()) {
    if (SteadyClock::now() - start > kPatience) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// ---- NATS.

struct NatsDestroy {
  void operator()(natsOptions* options) { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) {
    natsConnection_Destroy(connection);
  }
  void operator()(natsSubscription* subscription) {
    natsSubscription_Destroy(subscription);
  }
};
template <class T>
using NatsPtr = std::unique_ptr<T, NatsDestroy>;

// A server of its own, a publisher and a subscriber, each with a connection.
class NatsPeer {
 public:
  explicit NatsPeer(const std::string& path)
      : port_(FreePort()),
        server_({path, "-a", "127.0.0.1", "-p", absl::StrCat(port_)},
                Program::Errors::kQuiet) {
    OrDie(Eventually([this] {
            publisher_ = Connect();
            return publisher_ != nullptr;
          }),
          "nats-server does not answer");
    subscriber_ = Connect();
    natsSubscription* subscription = nullptr;
    OrDie(subscriber_ != nullptr &&
              natsConnection_SubscribeSync(&subscription, subscriber_.get(),
                                           "x") == NATS_OK &&
              natsConnection_Flush(subscriber_.get()) == NATS_OK,
          "cannot subscribe to NATS");
    subscription_.reset(subscription);
  }

  double PushMicros() {
    return MedianLatency(
        [this] {
          (void)natsConnection_PublishString(publisher_.get(), "x", "x");
        },
        [this] {
          natsMsg* message = nullptr;
          OrDie(natsSubscription_NextMsg(&message, subscription_.get(),
                                         10'000) == NATS_OK,
                "no message of NATS");
          natsMsg_Destroy(message);
        },
        [] {});
  }

 private:
  NatsPtr<natsConnection> Connect() const {
    natsOptions* options = nullptr;
    (void)natsOptions_Create(&options);
    const NatsPtr<natsOptions> owned(options);
    (void)natsOptions_SetURL(options,
                             absl::StrCat("nats://127.0.0.1:", port_).c_str());
    (void)natsOptions_SetSendAsap(options, true);  // its fastest way
    natsConnection* connection = nullptr;
    (void)natsConnection_Connect(&connection, options);
    return NatsPtr<natsConnection>(connection);
  }

  const int port_;
  const Program server_;
  NatsPtr<natsConnection> publisher_;
  NatsPtr<natsConnection> subscriber_;
  NatsPtr<natsSubscription> subscription_;
};

// ---- etcd.

// A server of its own with its data in memory, if there is such a folder.
class EtcdPeer {
 public:
  explicit EtcdPeer(const std::string& path)
      : port_(FreePort()),
        server_(Words(path, port_, FreePort(), folder_.path()),
                Program::Errors::kQuiet),
        channel_(ChannelTo(absl::StrCat("127.0.0.1:", port_))),
        keys_(etcdserverpb::KV::NewStub(channel_)),
        watches_(etcdserverpb::Watch::NewStub(channel_)) {
    put_.set_key("x");
    put_.set_value("x");
    OrDie(Eventually([this] {
            grpc::ClientContext context;
            context.set_deadline(std::chrono::system_clock::now() +
                                 std::chrono::seconds(1));
            etcdserverpb::PutResponse response;
            return keys_->Put(&context, put_, &response).ok();
          }),
          "etcd does not answer");
    stream_ = watches_->Watch(&context_);
    etcdserverpb::WatchRequest create;
    create.mutable_create_request()->set_key("x");
    stream_->Write(create);
    Read();
  }
  ~EtcdPeer() {
    context_.TryCancel();
    (void)stream_->Finish();
  }

  double PushMicros() {
    grpc::CompletionQueue queue;
    struct Call {
      grpc::ClientContext context;
      etcdserverpb::PutResponse response;
      grpc::Status status;
    };
    std::unique_ptr<Call> call;
    // The put's own answer is not waited for: the watch may be faster.
    const double median = MedianLatency(
        [&] {
          call = std::make_unique<Call>();
          keys_->AsyncPut(&call->context, put_, &queue)
              ->Finish(&call->response, &call->status, call.get());
        },
        [&] { Read(); },
        [&] {
          void* tag = nullptr;
          bool ok = false;
          queue.Next(&tag, &ok);
          OrDie(call->status);
        });
    queue.Shutdown();
    return median;
  }

 private:
  static std::vector<std::string> Words(const std::string& path, int port,
                                        int peer_port,
                                        const std::string& folder) {
    const std::string client = absl::StrCat("http://127.0.0.1:", port);
    const std::string peer = absl::StrCat("http://127.0.0.1:", peer_port);
    return {path,
            "--name=bench",
            "--data-dir=" + folder + "/data",
            "--listen-client-urls=" + client,
            "--advertise-client-urls=" + client,
            "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=bench=" + peer};
  }

  void Read() {
    etcdserverpb::WatchResponse response;
    OrDie(stream_->Read(&response), "etcd's watch ended");
  }

  const int port_;
  const TemporaryFolder folder_;
  const Program server_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<etcdserverpb::KV::Stub> keys_;
  const std::unique_ptr<etcdserverpb::Watch::Stub> watches_;
  etcdserverpb::PutRequest put_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<etcdserverpb::WatchRequest,
                                           etcdserverpb::WatchResponse>>
      stream_;
};

}  // namespace

void BenchBrokers(Report& report) {
  const OneCore one_core;
  const std::string name = "push beside brokers, p50";
  const FarpollPeer farpoll;
  std::vector<Contender> contenders = {
      {"farpoll", [&] { return FarpollPushMicros(farpoll); }}};
  std::vector<std::string> absent;
  std::unique_ptr<NatsPeer> nats;
  if (const std::string path = FindProgram("nats-server"); !path.empty()) {
    nats = std::make_unique<NatsPeer>(path);
    contenders.push_back({"NATS core, publish to subscriber",
                          [&] { return nats->PushMicros(); }});
  } else {
    absent.push_back("NATS core: nats-server is not installed");
  }
  std::unique_ptr<EtcdPeer> etcd;
  if (const std::string path = FindProgram("etcd"); !path.empty()) {
    etcd = std::make_unique<EtcdPeer>(path);
    contenders.push_back(
        {"etcd, put to watch", [&] { return etcd->PushMicros(); }});
  } else {
    absent.push_back("etcd: etcd-server is not installed");
  }
  report.Compare("G7", name, "us", kRepetitions, contenders);
  for (const std::string& peer : absent) {
    report.Add({"G7", name, peer, {}, "us", {}});
  }
}

}  // namespace farpoll
