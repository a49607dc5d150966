#include <poll.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/mutex.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

// Time for a person to read a line.
constexpr int kPauseMs = 250;

// Where the writing side and the waiting side meet: a step is taken, and the
// next one waits until its event was dealt with.
class Turns {
 public:
  // Writing side: blocks until `count` events were dealt with; false when the
  // other side is over.
  bool AwaitEvents(int count) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    while (events_ < count && !over_) {
      changed_.Wait(&mutex_);
    }
    return !over_;
  }
  // Waiting side.
  void EventDone() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    ++events_;
    changed_.SignalAll();
  }
  void Over() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    over_ = true;
    changed_.SignalAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int events_ ABSL_GUARDED_BY(mutex_) = 0;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
};

// One thing that the writing side does; each makes one event.
struct Step {
  std::string said;
  std::function<absl::Status()> act;
};

class Demo {
 public:
  Demo(Runtime& run, Session& session, Pipe& pipe, SocketPair& pair,
       Selector& selector)
      : run_(run),
        session_(session),
        pipe_(pipe),
        pair_(pair),
        selector_(selector) {}

  absl::Status Play() {
    absl::Status status = Introduce();
    if (!status.ok()) {
      return status;
    }
    absl::StatusOr<EventStream> stream = selector_.Wait();
    if (!stream.ok()) {
      return stream.status();
    }
    const std::vector<Step> steps = Steps();
    absl::Status written;
    std::thread writer([&] { written = Write(steps, *stream); });
    status = Watch(*stream, static_cast<int>(steps.size()));
    turns_.Over();
    writer.join();
    if (!written.ok() || !status.ok()) {
      return written.ok() ? status : written;
    }
    return Say(absl::StrCat("that was: 4 handles, 1 selector, 1 Wait stream, ",
                            steps.size(),
                            " events; all of it is gone now\n"
                            "next: farpolld &   then: farpoll help\n"));
  }

 private:
  absl::Status Say(const std::string& text) { return run_.out().Raw(text); }

  absl::Status Introduce() {
    const absl::Status asked = RegisterAll({&pipe_.reader, &pair_.first});
    return !asked.ok()
               ? asked
               : Say("farpoll demo: embedded server, nothing installed, "
                     "nothing left behind\n"
                     "  pipe        in <- out        what is written to out "
                     "comes out of in\n"
                     "  socketpair  left <-> right   both ends talk\n"
                     "  selector    sel              asked: in:r left:r\n"
                     "\"->\" is done in one thread; another waits on one "
                     "stream and shows what it is told\n"
                     "  TIME          HANDLE  READY\n");
  }

  absl::Status RegisterAll(const std::vector<const Handle*>& handles) {
    for (const Handle* handle : handles) {
      const absl::Status registered = selector_.Register(*handle, kIn).status();
      if (!registered.ok()) {
        return registered;
      }
    }
    return absl::OkStatus();
  }

  std::vector<Step> Steps() {
    return {
        {"write out \"hello\"",
         [this] { return pipe_.writer.Write("hello").status(); }},
        {"write right \"ping\"",
         [this] { return pair_.second.Write("ping").status(); }},
        {"write out \"hello\" again: in was read, so it is news",
         [this] { return pipe_.writer.Write("hello").status(); }},
        {"shutdown right w: it will write no more",
         [this] { return pair_.second.Shutdown(v1::DIRECTION_WRITE); }},
        {"close out: nobody can write into in any more",
         [this] { return pipe_.writer.Close(); }},
    };
  }

  // The writing side. Its failure ends the waiting side too.
  absl::Status Write(const std::vector<Step>& steps, EventStream& stream) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!turns_.AwaitEvents(static_cast<int>(i))) {
        return absl::OkStatus();
      }
      pollfd waiting = {run_.interrupt().fd(), POLLIN, 0};
      if (::poll(&waiting, 1, kPauseMs) > 0) {
        return absl::OkStatus();  // Ctrl-C; the waiting side hears of it too
      }
      absl::Status status = Say(absl::StrCat("-> ", steps[i].said, "\n"));
      if (status.ok()) {
        status = steps[i].act();
      }
      if (!status.ok()) {
        stream.Cancel();
        return status;
      }
    }
    return absl::OkStatus();
  }

  // The waiting side: what any client's loop looks like.
  absl::Status Watch(EventStream& stream, int expected) {
    int events = 0;
    for (const client::Event& event : stream) {
      const absl::Status dealt = Deal(event);
      if (!dealt.ok()) {
        return dealt;
      }
      turns_.EventDone();
      if (++events == expected) {
        return absl::OkStatus();
      }
    }
    return stream.status();
  }

  absl::Status Deal(const client::Event& event) {
    Handle handle = session_.AttachHandle(event.handle_name);
    const absl::StatusOr<ReadResult> result = handle.Read();
    if (!result.ok()) {
      return result.status();
    }
    std::string found;
    if (result->end_of_file) {
      found = "end of file; no longer asked";
      const absl::Status ended = selector_.Unregister(handle);
      if (!ended.ok()) {
        return ended;
      }
    } else {
      found = absl::StrCat("+", result->data.size(), " B  \"",
                           absl::CHexEscape(result->data), "\"");
    }
    return Say(absl::StrFormat("  %s  %-6s  %-5s  %s\n", TimeOfDay(absl::Now()),
                               event.handle_name, ReadyLetters(event), found));
  }

  Runtime& run_;
  Session& session_;
  Pipe& pipe_;
  SocketPair& pair_;
  Selector& selector_;
  Turns turns_;
};

absl::Status Run(Runtime& run) {
  if (!run.out().is_table()) {
    return UsageError("demo is for people; wait -o jsonl is for programs");
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  PipeOptions pipe_names;
  pipe_names.reader_name = "in";
  pipe_names.writer_name = "out";
  absl::StatusOr<Pipe> pipe = (*session)->CreatePipe(pipe_names);
  if (!pipe.ok()) {
    return pipe.status();
  }
  SocketPairOptions pair_names;
  pair_names.first_name = "left";
  pair_names.second_name = "right";
  absl::StatusOr<SocketPair> pair = (*session)->CreateSocketPair(pair_names);
  if (!pair.ok()) {
    return pair.status();
  }
  absl::StatusOr<Selector> selector =
      (*session)->CreateSelector(v1::SELECTOR_KIND_POLL, "sel");
  if (!selector.ok()) {
    return selector.status();
  }
  return Demo(run, **session, *pipe, *pair, *selector).Play();
}

Action Declare(Command) { return &Run; }

}  // namespace

Verb DemoVerb() {
  return {
      "demo",
      groups::kStart,
      "shows farpoll at work, with no server and no set-up",
      R"(  farpoll demo
)",
      "Starts a server inside this process, makes a pipe and a socket "
      "pair, waits for them\nin one thread while another writes, and leaves "
      "nothing behind.",
      &Declare};
}

}  // namespace farpoll::cli
