#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "client/cli/failure.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string handle;
  std::string data;
  bool has_data = false;
  bool close_after = false;
  WriteOptions options;
  absl::optional<std::uint64_t> add;
};

constexpr std::size_t kChunkBytes = 64 << 10;

// The next bytes of standard input; empty at its end. Ctrl-C ends the wait.
absl::StatusOr<std::string> NextInput(Runtime& run) {
  pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0},
                      {run.interrupt().fd(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) {
      return LocalError(
          absl::StrCat("cannot wait for standard input: ", strerror(errno)));
    }
  }
  if (waiting[1].revents != 0) {
    return absl::CancelledError("interrupted");
  }
  std::string bytes(kChunkBytes, '\0');
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count < 0) {
    return LocalError(
        absl::StrCat("cannot read standard input: ", strerror(errno)));
  }
  bytes.resize(count);
  return bytes;
}

// Writes to a handle, and waits for room when it is told to.
class Writer {
 public:
  Writer(Session& session, Handle& handle, const WriteOptions& options)
      : session_(session), handle_(handle), options_(options) {}

  std::size_t written() const { return written_; }

  // Writes what fits now; returns what is left.
  absl::StatusOr<absl::string_view> Try(absl::string_view data) {
    while (!data.empty()) {
      const absl::StatusOr<WriteResult> result =
          handle_.Write(data.substr(0, kChunkBytes), options_);
      if (!result.ok()) {
        return result.status();
      }
      written_ += result->bytes_written;
      data.remove_prefix(result->bytes_written);
      if (result->would_block) {
        break;
      }
    }
    return data;
  }

  // Writes all, waiting for room.
  absl::Status All(absl::string_view data) {
    for (;;) {
      const absl::StatusOr<absl::string_view> left = Try(data);
      if (!left.ok() || left->empty()) {
        return left.status();
      }
      data = *left;
      const absl::Status room = AwaitRoom();
      if (!room.ok()) {
        return room;
      }
    }
  }

 private:
  absl::Status AwaitRoom() {
    if (!selector_.has_value()) {
      absl::StatusOr<Selector> selector =
          session_.CreateSelector(v1::SELECTOR_KIND_POLL);
      if (!selector.ok()) {
        return selector.status();
      }
      const absl::Status registered =
          selector->Register(handle_, kOut).status();
      if (!registered.ok()) {
        return registered;
      }
      selector_.emplace(*std::move(selector));
    }
    return selector_->Poll().status();
  }

  Session& session_;
  Handle& handle_;
  const WriteOptions& options_;
  absl::optional<Selector> selector_;
  std::size_t written_ = 0;
};

// A socket says that no more comes and can still be read; a pipe's end has
// nothing else to do.
absl::Status EndWriting(Handle& handle) {
  const absl::StatusOr<v1::Handle> is = handle.Describe();
  if (!is.ok()) {
    return is.status();
  }
  return is->has_socket() ? handle.Shutdown(v1::DIRECTION_WRITE)
                          : handle.Close();
}

absl::Status PumpInput(Runtime& run, Writer& writer) {
  for (;;) {
    const absl::StatusOr<std::string> bytes = NextInput(run);
    if (!bytes.ok() || bytes->empty()) {
      return bytes.status();
    }
    const absl::Status written = writer.All(*bytes);
    if (!written.ok()) {
      return written;
    }
  }
}

absl::Status WriteOnce(const Arguments& arguments, Writer& writer) {
  const absl::StatusOr<absl::string_view> left = writer.Try(arguments.data);
  if (!left.ok() || left->empty()) {
    return left.status();
  }
  return WouldBlockError(
      absl::StrCat("wrote ", writer.written(), " of ", arguments.data.size(),
                   " bytes: no room in ", arguments.handle, " now"),
      absl::StrCat("farpoll wait ", arguments.handle, ":w"));
}

absl::Status Add(const Arguments& arguments, Handle& handle) {
  const absl::StatusOr<WriteResult> result = handle.Add(*arguments.add);
  if (!result.ok() || !result->would_block) {
    return result.status();
  }
  return WouldBlockError(absl::StrCat("no room in ", arguments.handle, " now"),
                         absl::StrCat("farpoll wait ", arguments.handle, ":w"));
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (!arguments.has_data && !arguments.close_after &&
      !arguments.add.has_value()) {
    return UsageError("nothing to write: give DATA, or - for standard input");
  }
  if (arguments.has_data && arguments.add.has_value()) {
    return UsageError("--add is for a counter, DATA for what takes bytes");
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  Handle handle = (*session)->AttachHandle(arguments.handle);
  if (arguments.add.has_value()) {
    return Add(arguments, handle);
  }
  Writer writer(**session, handle, arguments.options);
  absl::Status status = arguments.data == "-" ? PumpInput(run, writer)
                                              : WriteOnce(arguments, writer);
  if (status.ok() && arguments.close_after) {
    status = EndWriting(handle);
  }
  if (!status.ok()) {
    return status;
  }
  Json json;
  json["bytesWritten"] = writer.written();
  return run.out().is_table() ? absl::OkStatus() : run.out().Object(json, {});
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("HANDLE", arguments->handle, "where to, by name or id")
      .Type("HANDLE")
      .Required();
  const Argument data = command.Add(
      "DATA", arguments->data, "the bytes; - takes standard input to its end");
  command.AddFlag(
      "--close-after", arguments->close_after,
      "then end writing: half-closes a socket, closes a pipe's end");
  command
      .Add("--to", arguments->options.destination, "whom to send a datagram to")
      .Type("ADDRESS");
  command.AddFlag("--urgent", arguments->options.out_of_band,
                  "as urgent data of a stream socket");
  command
      .Add(
          "--add", [arguments](std::uint64_t count) { arguments->add = count; },
          "add to a counter")
      .Type("COUNT");
  return [arguments, data](Runtime& run) {
    arguments->has_data = data.given();
    return Run(run, *arguments);
  };
}

}  // namespace

Verb WriteVerb() {
  return {"write",
          groups::kUse,
          "writes to a handle",
          R"(  farpoll write out hello
  printf 'hello\n' | farpoll write out -
  farpoll write out - --close-after < file
  farpoll write dns hello --to 127.0.0.1:5353
  farpoll write jobs --add 3         # to a counter
)",
          "DATA goes out as it is, without a newline; what does not fit now "
          "exits 3. From standard input it waits for room.",
          &Declare};
}

}  // namespace farpoll::cli
