#include "server/config_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "server/policy/config.h"

namespace farpoll::server {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

absl::Status CannotRead(const std::string& path, int number) {
  return MakeError(number, "", path,
                   absl::StrCat(path, ": ", strerror(number)));
}

// Whoever can write the file decides what the server does for others.
absl::Status CheckFile(const std::string& path, int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    return CannotRead(path, errno);
  }
  const char* expected = nullptr;
  if (!S_ISREG(status.st_mode)) {
    expected = "expected a regular file";
  } else if (status.st_uid != 0 && status.st_uid != geteuid()) {
    expected = "expected a file of the server's own user or of root";
  } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    expected = "expected a file that its owner alone can write (chmod go-w)";
  } else if (status.st_size > static_cast<off_t>(kMostBytes)) {
    expected = "expected at most 1 MiB";
  }
  return expected == nullptr ? absl::OkStatus()
                             : MakeError(EINVAL, "BAD_CONFIG", path,
                                         absl::StrCat(path, ": ", expected));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  // O_NONBLOCK: a FIFO is refused below instead of waited for.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    return CannotRead(path, errno);
  }
  if (const absl::Status good = CheckFile(path, file.get()); !good.ok()) {
    return good;
  }
  std::string text(kMostBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), &text[size], text.size() - size);
    if (got < 0) {
      return CannotRead(path, errno);
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(
    const std::string& path, absl::optional<Mode> mode) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return text.status();
  }
  absl::StatusOr<PolicySpec> spec = ParseConfig(*text, path, geteuid());
  if (!spec.ok()) {
    return spec.status();
  }
  spec->mode = mode.value_or(spec->mode);
  return std::make_shared<const Policy>(*std::move(spec));
}

}  // namespace farpoll::server
