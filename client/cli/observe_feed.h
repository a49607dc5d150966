// client/cli/observe_feed.h: room: cli. An Observe that outlives its
// connection, for a program that waits for other things as well: responses come
// from a thread of its own, and a descriptor says when there are some. Threads:
// "farpoll-observe" reads the stream; one thread takes. Source:
// docs/streams.md, "Observe".
#ifndef FARPOLL_CLIENT_CLI_OBSERVE_FEED_H_
#define FARPOLL_CLIENT_CLI_OBSERVE_FEED_H_

#include <cstddef>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "client/client.h"
#include "client/observe_stream.h"
#include "farpoll/v1/observer.pb.h"

namespace farpoll::cli {

class ObserveFeed {
 public:
  struct Piece {
    v1::ObserveResponse response;
    // It begins a snapshot: the first one, or one in place of changes that the
    // server does not know any more.
    bool anew = false;
  };
  struct News {
    std::vector<Piece> pieces;
    // The connection is lost, and is being made again.
    bool away = false;
    // The stream is over, for this reason: see ObserveStream::status.
    absl::optional<absl::Status> end;
  };

  // Borrows `session`.
  ObserveFeed(Session& session, v1::ObserveRequest request);
  // Ends the stream.
  ~ObserveFeed();
  ObserveFeed(const ObserveFeed&) = delete;
  ObserveFeed& operator=(const ObserveFeed&) = delete;

  // Polls readable when there are news.
  int fd() const { return wake_.get(); }
  // What came since the last call.
  News Take() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Responses that wait to be taken at most. Then the stream is not read, and
  // the server puts more changes into fewer responses.
  static constexpr std::size_t kMostPieces = 64;

  // The thread: one stream after another.
  void Read() ABSL_LOCKS_EXCLUDED(mutex_);
  // Opens a stream; null when it is to stop.
  ObserveStream* Open() ABSL_LOCKS_EXCLUDED(mutex_);
  // Hands out what `stream` says, until it ends.
  void ReadToEnd(ObserveStream& stream) ABSL_LOCKS_EXCLUDED(mutex_);
  // Says that the connection is lost, and waits until `until`, or for the end.
  void AwayUntil(MonotonicTime until) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Session& session_;
  // Of the thread.
  v1::ObserveRequest request_;
  bool anew_ = true;     // the next response begins a snapshot
  bool heard_ = false;   // from the stream in progress
  bool served_ = false;  // by any stream

  const UniqueFd wake_;  // eventfd
  Mutex mutex_;
  CondVar changed_;  // pieces taken, or stopped
  absl::optional<ObserveStream> stream_ ABSL_GUARDED_BY(mutex_);
  News news_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_OBSERVE_FEED_H_
