// One client waits in three ways at once, on one pipe of a farpoll server: by
// kevent, by poll and by select. One write wakes all three.
//   three_at_once [ADDRESS]    default: $FARPOLL_ADDR
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// What each wait has to say, one line.
using Line = absl::StatusOr<std::string>;

Line WaitByKqueue(farpoll::Selector& queue, const farpoll::Handle& pipe) {
  farpoll::Kevent change;  // EVFILT_READ, EV_ADD
  change.udata = 42;
  const auto events =
      queue.Control({farpoll::client::KeventOn(pipe, change)}, 1, kPatience);
  if (!events.ok()) {
    return events.status();
  }
  if (events->empty()) {
    return "kqueue: timeout";
  }
  const farpoll::NamedKevent& event = events->front();
  return "kqueue: " + event.handle_name + " " +
         farpoll::FilterToString(event.kevent.filter) + ", " +
         std::to_string(event.kevent.data) + " bytes, udata " +
         std::to_string(event.kevent.udata);
}

Line WaitByPoll(farpoll::Selector& poll) {
  const auto events = poll.Poll(kPatience);
  if (!events.ok()) {
    return events.status();
  }
  return events->empty() ? "poll: timeout"
                         : "poll: " + events->front().handle_name + " " +
                               farpoll::EventsToString(events->front().events);
}

Line WaitBySelect(farpoll::Session& session) {
  const std::vector<std::string> readers = {"in"};
  const auto ready = session.Select(readers, {}, {}, kPatience);
  if (!ready.ok()) {
    return ready.status();
  }
  return ready->read.empty() ? "select: timeout"
                             : "select: " + readers[ready->read[0]] +
                                   " is in "
                                   "the read set";
}

absl::Status Run(const std::string& address) {
  absl::StatusOr<farpoll::Client> client = farpoll::Client::Connect(address);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<farpoll::Session> session = client->CreateSession();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<farpoll::Pipe> pipe =
      session->CreatePipe({.reader_name = "in", .writer_name = "out"});
  if (!pipe.ok()) {
    return pipe.status();
  }
  absl::StatusOr<farpoll::Selector> queue =
      session->CreateSelector(farpoll::v1::SELECTOR_KIND_KQUEUE);
  if (!queue.ok()) {
    return queue.status();
  }
  absl::StatusOr<farpoll::Selector> poll =
      session->CreateSelector(farpoll::v1::SELECTOR_KIND_POLL);
  if (!poll.ok()) {
    return poll.status();
  }
  const absl::Status registered =
      poll->Register(pipe->reader, farpoll::kIn).status();
  if (!registered.ok()) {
    return registered;
  }

  std::vector<std::future<Line>> waits;
  waits.push_back(std::async(
      std::launch::async, [&] { return WaitByKqueue(*queue, pipe->reader); }));
  waits.push_back(
      std::async(std::launch::async, [&] { return WaitByPoll(*poll); }));
  waits.push_back(
      std::async(std::launch::async, [&] { return WaitBySelect(*session); }));
  const absl::Status written = pipe->writer.Write("hello").status();
  for (std::future<Line>& wait : waits) {
    const Line line = wait.get();
    if (!line.ok()) {
      return line.status();
    }
    std::printf("%s\n", line->c_str());
  }
  return written;
}

}  // namespace

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : std::getenv("FARPOLL_ADDR");
  if (address == nullptr) {
    std::fprintf(stderr, "usage: three_at_once ADDRESS\n");
    return 2;
  }
  const absl::Status status = Run(address);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
