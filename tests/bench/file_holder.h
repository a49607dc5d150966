// tests/bench/file_holder.h: room: tests. A process that holds event counters
// which others watch.
// Source: eventfd(2).
#ifndef FARPOLL_TESTS_BENCH_FILE_HOLDER_H_
#define FARPOLL_TESTS_BENCH_FILE_HOLDER_H_

#include <sys/types.h>

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "base/unique_fd.h"

namespace farpoll {

// Ends with this object. To be made before the program has threads.
class FileHolder {
 public:
  // Has a process make `count` counters, and gives a copy of each to `take`.
  FileHolder(std::size_t count, absl::FunctionRef<void(UniqueFd)> take);
  ~FileHolder();
  FileHolder(const FileHolder&) = delete;
  FileHolder& operator=(const FileHolder&) = delete;

  // Adds one to the first `count` counters, and returns when that is done.
  void Raise(std::size_t count);

 private:
  UniqueFd socket_;
  pid_t pid_ = -1;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_FILE_HOLDER_H_
