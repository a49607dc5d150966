#include "client/cli/feeder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

namespace farpoll::cli {
namespace {

constexpr char kEndOfInput[] = "\x04";  // what ^D sends

}  // namespace

bool EscapeFilter::Filter(absl::string_view typed, std::string* output) {
  for (const char key : typed) {
    if (std::exchange(tilde_, false)) {
      if (key == '.') {
        return true;
      }
      if (key != '~') {
        output->push_back('~');
      }
    } else if (key == '~' && line_begins_) {
      tilde_ = true;
      line_begins_ = false;
      continue;
    }
    output->push_back(key);
    line_begins_ = key == '\r' || key == '\n';
  }
  return false;
}

Feeder::Feeder(Session& session, Handle& input, const Options& options,
               std::function<void()> on_detach)
    : session_(session),
      input_(input),
      options_(options),
      on_detach_(std::move(on_detach)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {}

Feeder::~Feeder() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof(one));
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (room_.has_value()) {
      room_->Cancel();
    }
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Feeder::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Feeder::Run() {
  for (;;) {
    absl::optional<std::string> bytes = NextInput();
    if (!bytes.has_value()) {
      return;
    }
    if (bytes->empty()) {
      return EndInput();
    }
    if (options_.terminal) {
      std::string keys;
      const bool detach = filter_.Filter(*bytes, &keys);
      if (detach) {
        detached_ = true;
        return on_detach_();
      }
      bytes = std::move(keys);
    }
    if (!Send(*bytes)) {
      return;
    }
  }
}

absl::optional<std::string> Feeder::NextInput() {
  pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) {
      return std::string();
    }
  }
  if (waiting[1].revents != 0) {
    return absl::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(options_.write_bytes), '\0');
  ssize_t count = 0;
  do {
    count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

bool Feeder::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::StatusOr<WriteResult> result = input_.Write(bytes);
    if (!result.ok()) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(result->bytes_written));
    if (!bytes.empty() && result->would_block && !AwaitRoom()) {
      return false;
    }
  }
  return true;
}

bool Feeder::AwaitRoom() {
  EventStream* room = nullptr;
  if (!OpenWait()) {
    return false;
  }
  {
    MutexLock lock(&mutex_);
    room = &*room_;
  }
  const WaitResult* const result = room->Next();
  return result != nullptr;
}

bool Feeder::OpenWait() {
  MutexLock lock(&mutex_);
  if (stopping_ || room_.has_value()) {
    return !stopping_;
  }
  absl::StatusOr<Selector> selector =
      session_.CreateSelector(v1::SELECTOR_KIND_POLL);
  if (!selector.ok() || !selector->Register(input_, kOut).ok()) {
    return false;
  }
  absl::StatusOr<EventStream> stream = selector->Wait();
  if (!stream.ok()) {
    return false;
  }
  selector_.emplace(*std::move(selector));
  room_.emplace(*std::move(stream));
  return true;
}

void Feeder::EndInput() {
  if (options_.terminal) {
    (void)Send(kEndOfInput);
  } else {
    (void)input_.Close();
  }
}

}  // namespace farpoll::cli
