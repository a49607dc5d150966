// server/session/sinks.h: room: server/session. Who hears of a session's news:
// implemented above, by the streams and calls of server/rpc.
// Threads: called from any thread, with no lock held; must not block.
#ifndef FARPOLL_SERVER_SESSION_SINKS_H_
#define FARPOLL_SERVER_SESSION_SINKS_H_

#include "absl/status/status.h"

namespace farpoll::server {

// Hears of the end of the session or selector it depends on.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // Called at most once, with why; nothing is called afterwards.
  virtual void OnEnded(absl::Status why) = 0;
};

// Hears also when it is time to take a result; OnReady may come for nothing.
class WaitSink : public StreamSink {
 public:
  virtual void OnReady() = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_SINKS_H_
