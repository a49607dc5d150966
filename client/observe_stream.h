// client/observe_stream.h: room: client. An open Observe: a session's handles
// as they are, and then as they change.
//
//   ObserveStream stream = session.Observe({});
//   while (const v1::ObserveResponse* response = stream.Next()) { ... }
//   return stream.status();
//
// It ends with its connection; one opened with token() as resume_token goes on
// where it stopped.
// Threads: one reader; Cancel() from any thread.
// Source: farpoll/v1/observer.proto; docs/streams.md, "Observe".
#ifndef FARPOLL_CLIENT_OBSERVE_STREAM_H_
#define FARPOLL_CLIENT_OBSERVE_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "farpoll/v1/observer.pb.h"

namespace farpoll::client {

class Connection;

class ObserveStream {
 public:
  // Starts the call; what the server refuses shows at the first Next().
  ObserveStream(std::shared_ptr<Connection> connection,
                const v1::ObserveRequest& request);
  ObserveStream(ObserveStream&&) noexcept;
  ObserveStream& operator=(ObserveStream&&) noexcept;
  // Cancels it when it is not over.
  ~ObserveStream();

  // Blocks for the next response; null when the stream is over. Ownership:
  // valid until the next call.
  const v1::ObserveResponse* Next();
  // Ends the stream: Next() returns null, status() is CANCELLED.
  void Cancel();

  // Why the stream is over; OK before. The server's answer as it is:
  //   NOT_FOUND, FAILED_PRECONDITION: the session is gone; OUT_OF_RANGE
  //   (SNAPSHOT_REQUIRED); INVALID_ARGUMENT; UNAVAILABLE.
  const absl::Status& status() const;
  // The place to resume from: the newest token that came, at first that of the
  // request.
  const std::string& token() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::ObserveStream;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_OBSERVE_STREAM_H_
