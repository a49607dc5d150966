// server/rpc/inside.h: room: server/rpc. Calls from within the process, and how
// the gate knows them.
//
// gRPC says "unknown" of the peer of an in-process channel, and says the same
// whenever it does not know a peer. So each call over a channel that is made
// here also carries a secret, which never leaves the process.
// Threads: immutable.
#ifndef FARPOLL_SERVER_RPC_INSIDE_H_
#define FARPOLL_SERVER_RPC_INSIDE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace farpoll::server {

class Inside {
 public:
  // Makes the secret: 128 random bits.
  Inside();

  // A channel to `server` of this process.
  std::shared_ptr<grpc::Channel> ChannelTo(grpc::Server& server) const;

  // Whether `call`, of which gRPC says that it comes from `peer`, came over
  // such a channel. Of other calls it looks at the peer alone.
  bool IsFromHere(absl::string_view peer,
                  const grpc::ServerContextBase& call) const;

 private:
  std::string secret_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_INSIDE_H_
