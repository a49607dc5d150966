#include "server/handle/counter.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_status.h"
#include "server/handle/now_io.h"

namespace farpoll::server {
namespace {

absl::Status CheckCount(std::uint64_t count, absl::string_view field) {
  return count <= kMaxCount ? absl::OkStatus()
                            : MakeError(EINVAL, "BAD_COUNT", field,
                                        "a counter holds at most 2^64 - 2");
}

}  // namespace

absl::StatusOr<Handle> MakeCounter(std::uint64_t initial, bool semaphore) {
  if (const absl::Status good = CheckCount(initial, "initial"); !good.ok()) {
    return good;
  }
  Handle handle{
      .kind = HandleKind::kCounter,
      .fd = UniqueFd(eventfd(
          0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0)))};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "eventfd");
  }
  // eventfd(2) itself takes only 32 bits.
  if (write(handle.fd.get(), &initial, sizeof(initial)) < 0) {
    return ErrnoStatus(errno, "write", "counter");
  }
  return handle;
}

absl::StatusOr<absl::optional<std::uint64_t>> TakeCount(Handle& handle) {
  std::uint64_t count = 0;
  if (ReadNow(handle.fd.get(), &count, sizeof(count)) < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return absl::optional<std::uint64_t>();
    }
    return ErrnoStatus(number, "read", handle.Text());
  }
  return absl::optional<std::uint64_t>(count);
}

absl::StatusOr<bool> AddCount(Handle& handle, std::uint64_t count) {
  if (const absl::Status good = CheckCount(count, "count"); !good.ok()) {
    return good;
  }
  if (count == 0) {
    return true;  // which even a full one takes
  }
  if (WriteNow(handle.fd.get(), &count, sizeof(count), false) < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return false;
    }
    return ErrnoStatus(number, "write", handle.Text());
  }
  return true;
}

}  // namespace farpoll::server
