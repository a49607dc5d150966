// server/heartbeat.h: room: server. Keeps gRPC's pollers awake. After about a
// second of silence gRPC 1.51's callback API can sleep through an event for up
// to 100 ms; a call of the process to itself every 400 ms prevents that, for
// 0.05 % of a core (docs/performance.md, "The nap").
// Threads: the reactor's; Stop() from any other.
#ifndef FARPOLL_SERVER_HEARTBEAT_H_
#define FARPOLL_SERVER_HEARTBEAT_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "farpoll/v1/server.grpc.pb.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

class Heartbeat {
 public:
  // Starts beating over `channel`, an in-process one. Borrows `reactor` and
  // `clock`.
  Heartbeat(Reactor* reactor, const Clock* clock,
            std::shared_ptr<grpc::Channel> channel);
  ~Heartbeat() { Stop(); }

  // Stops, and waits for the beat in progress.
  void Stop();

 private:
  struct Beat {
    grpc::ClientContext context;
    v1::GetServerRequest request;
    v1::GetServerResponse response;
  };

  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Send();

  Reactor* const reactor_;
  const Clock* const clock_;
  const std::unique_ptr<v1::ServerService::Stub> stub_;

  Mutex mu_;
  CondVar idle_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<Beat> beat_ ABSL_GUARDED_BY(mu_);  // in progress, or null
  Reactor::TimerId timer_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HEARTBEAT_H_
