// tests/support/fuse_mount.h: room: tests. A file system that can hang: a FUSE
// mount whose requests this process answers, or leaves lying.
// Source: fuse(4), linux/fuse.h.
#ifndef FARPOLL_TESTS_SUPPORT_FUSE_MOUNT_H_
#define FARPOLL_TESTS_SUPPORT_FUSE_MOUNT_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace farpoll {

// Has one file, `path()`/f, of five bytes, which takes whatever is written to
// it. The mount is seen by the calling thread and by what it starts from then
// on. Threads: one, and one of its own.
class FuseMount {
 public:
  // Mounts over the folder `path`, which is there.
  explicit FuseMount(std::string path);
  // Ends every request that hangs.
  ~FuseMount();
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;

  // Why there is no mount; empty when there is one.
  const std::string& problem() const { return problem_; }
  std::string file() const { return path_ + "/f"; }

  // From now on nothing is answered.
  void Hang();
  // Waits until somebody's request hangs.
  void AwaitRequest();
  // Answers what hangs, and what comes.
  void Resume();

 private:
  void Serve();
  // Takes one request and answers it; false when there is none.
  bool AnswerOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  std::string problem_;
  UniqueFd device_;
  UniqueFd wake_;
  std::thread thread_;
  Mutex mu_;
  CondVar changed_;
  bool hung_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_FUSE_MOUNT_H_
