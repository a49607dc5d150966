// tail -F of a file on another machine: prints what is there and what is added,
// and goes on with the new file when the log is rotated. Nothing polls: the
// server watches the file's folder.
//   log_follower PATH [ADDRESS]    default: $FARPOLL_ADDR
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "examples/cpp/until_signal.h"

namespace {

using farpoll::v1::PATH_EVENT_BIT_CREATED;
using farpoll::v1::PATH_EVENT_BIT_MODIFIED;
using farpoll::v1::PATH_EVENT_BIT_MOVED_TO;
using farpoll::v1::PATH_EVENT_BIT_OVERFLOW;

class Follower {
 public:
  Follower(farpoll::Session& session, std::string path)
      : session_(session),
        path_(std::move(path)),
        name_(path_.substr(path_.rfind('/') + 1)) {}

  // Prints what the file has beyond what was printed.
  absl::Status Print() {
    while (file_.has_value()) {
      const absl::StatusOr<farpoll::ReadResult> read = file_->Read();
      if (!read.ok()) {
        return read.status();
      }
      std::fwrite(read->data.data(), 1, read->data.size(), stdout);
      if (read->end_of_file) {
        std::fflush(stdout);
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  // Takes the file that has the name now, if there is one.
  absl::Status Open() {
    farpoll::v1::OpenFileRequest request;
    request.set_path(path_);
    request.set_read(true);
    absl::StatusOr<farpoll::Handle> file = session_.OpenFile(request);
    if (absl::IsNotFound(file.status())) {
      return absl::OkStatus();  // it will be made, and told
    }
    if (!file.ok()) {
      return file.status();
    }
    file_ = *std::move(file);
    return Print();
  }

  absl::Status On(const farpoll::v1::PathEvent& event) {
    if ((event.events() & PATH_EVENT_BIT_OVERFLOW) != 0) {
      return Reopen();  // anything may have happened
    }
    if (event.name() != name_) {
      return absl::OkStatus();
    }
    return (event.events() &
            (PATH_EVENT_BIT_CREATED | PATH_EVENT_BIT_MOVED_TO)) != 0
               ? Reopen()
               : Print();
  }

 private:
  // The old file may have grown until it lost its name.
  absl::Status Reopen() {
    const absl::Status printed = Print();
    file_.reset();
    return printed.ok() ? Open() : printed;
  }

  farpoll::Session& session_;
  const std::string path_;
  const std::string name_;
  absl::optional<farpoll::Handle> file_;
};

// From when the watch is on until the stream ends.
absl::Status Follow(Follower& follower, farpoll::Handle& watch,
                    farpoll::EventStream& events) {
  // Opened after the watch: nothing between the two is missed.
  absl::Status status = follower.Open();
  for (auto it = events.begin(); status.ok() && it != events.end(); ++it) {
    const absl::StatusOr<farpoll::ReadResult> happened = watch.Read();
    if (!happened.ok()) {
      return happened.status();
    }
    for (const farpoll::v1::PathEvent& event : happened->path_events) {
      if (status.ok()) {
        status = follower.On(event);
      }
    }
  }
  return status.ok() ? events.status() : status;
}

absl::Status Run(UntilSignal& until, const std::string& path,
                 const std::string& address) {
  absl::StatusOr<farpoll::Client> client = farpoll::Client::Connect(address);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<farpoll::Session> session = client->CreateSession();
  if (!session.ok()) {
    return session.status();
  }
  farpoll::v1::WatchPathRequest request;
  const std::size_t slash = path.rfind('/');
  request.set_path(slash == 0 ? "/" : path.substr(0, slash));
  request.set_events(PATH_EVENT_BIT_MODIFIED | PATH_EVENT_BIT_CREATED |
                     PATH_EVENT_BIT_MOVED_TO);
  absl::StatusOr<farpoll::Handle> watch = session->WatchPath(request);
  if (!watch.ok()) {
    return watch.status();
  }
  absl::StatusOr<farpoll::Selector> selector =
      session->CreateSelector(farpoll::v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  const auto registered = selector->Register(*watch, farpoll::kIn);
  if (!registered.ok()) {
    return registered.status();
  }
  absl::StatusOr<farpoll::EventStream> events = selector->WaitFor();
  if (!events.ok()) {
    return events.status();
  }
  until.Call([&events] { events->Cancel(); });
  Follower follower(*session, path);
  return Follow(follower, *watch, *events);
}

}  // namespace

int main(int argc, char** argv) {
  UntilSignal until;
  const char* const address = argc > 2 ? argv[2] : std::getenv("FARPOLL_ADDR");
  if (argc < 2 || argv[1][0] != '/' || address == nullptr) {
    std::fprintf(stderr, "usage: log_follower /PATH ADDRESS\n");
    return 2;
  }
  const absl::Status status = Run(until, argv[1], address);
  if (!absl::IsCancelled(status)) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
