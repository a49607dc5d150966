#include "server/rpc/inside.h"

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <utility>
#include <vector>

namespace farpoll::server {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

constexpr std::size_t kSecretBytes = 16;
constexpr char kKey[] = "farpoll-inside-bin";
// What gRPC calls the peer of an in-process channel.
constexpr absl::string_view kUnknownPeer = "unknown";

// Takes the same time wherever they differ.
bool Equal(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

// Adds the secret to a call's metadata.
class Stamp final : public Interceptor {
 public:
  explicit Stamp(const std::string* secret) : secret_(*secret) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace(kKey, secret_);
    }
    methods->Proceed();
  }

 private:
  const std::string& secret_;
};

class StampMaker final : public ClientInterceptorFactoryInterface {
 public:
  explicit StampMaker(std::string secret) : secret_(std::move(secret)) {}

  Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*call*/) override {
    return new Stamp(&secret_);
  }

 private:
  const std::string secret_;  // a channel outlives its calls
};

}  // namespace

Inside::Inside() : secret_(kSecretBytes, '\0') {
  // Of so few bytes the kernel gives all, or is not there at all.
  if (getrandom(secret_.data(), secret_.size(), 0) !=
      static_cast<ssize_t>(secret_.size())) {
    std::abort();
  }
}

std::shared_ptr<grpc::Channel> Inside::ChannelTo(grpc::Server& server) const {
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> stamps;
  stamps.push_back(std::make_unique<StampMaker>(secret_));
  return server.experimental().InProcessChannelWithInterceptors(
      grpc::ChannelArguments(), std::move(stamps));
}

bool Inside::IsFromHere(absl::string_view peer,
                        const grpc::ServerContextBase& call) const {
  if (peer != kUnknownPeer) {
    return false;
  }
  const auto [first, last] = call.client_metadata().equal_range(kKey);
  return first != last && std::next(first) == last &&
         Equal({first->second.data(), first->second.size()}, secret_);
}

}  // namespace farpoll::server
