#include "client/cli/follow.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/errno_status.h"
#include "base/fnv.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

// Slows down a wait that gets the same answer again and again, as a level-
// triggered handle gives it until somebody reads; anything new resets it.
class Pace {
 public:
  // To be called with each result, and how long it took to come. Returns how
  // long to let the server be before the next.
  absl::Duration After(const std::vector<client::Event>& events,
                       absl::Duration took) {
    const bool again = took < kAtOnce && Same(events);
    last_ = events;
    pause_ = !again                           ? absl::ZeroDuration()
             : pause_ == absl::ZeroDuration() ? kFirst
                                              : std::min(pause_ * 2, kLongest);
    return pause_;
  }

 private:
  static constexpr absl::Duration kAtOnce = absl::Milliseconds(5);
  static constexpr absl::Duration kFirst = absl::Milliseconds(10);
  static constexpr absl::Duration kLongest = absl::Milliseconds(200);

  bool Same(const std::vector<client::Event>& events) const {
    return std::equal(events.begin(), events.end(), last_.begin(), last_.end(),
                      [](const client::Event& a, const client::Event& b) {
                        return a.handle_id == b.handle_id &&
                               a.events == b.events &&
                               a.generation == b.generation;
                      });
  }

  std::vector<client::Event> last_;
  absl::Duration pause_;
};

// Lets `span` pass, or a signal come.
void PauseFor(Runtime& run, absl::Duration span) {
  pollfd waiting = {run.interrupt().fd(), POLLIN, 0};
  ::poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(span)));
}

// One follow: what it has shown so far, and when it is to end.
class Follower {
 public:
  Follower(Runtime& run, const FollowOptions& options, EventClock clock)
      : run_(run), options_(options), clock_(clock) {}

  absl::Status Run(EventStream& stream) {
    for (;;) {
      const MonotonicTime asked = RealClock().Now();
      const WaitResult* result = stream.Next();
      if (result == nullptr) {
        return End(stream);
      }
      if (result->events.empty()) {
        return Quietly(kExitTimeout);
      }
      NoteReconnects(run_, stream, &reconnects_);
      const absl::Status shown = Show(*result);
      if (!shown.ok() || over_) {
        return shown;
      }
      const absl::Duration pause = pace_.After(
          result->events, absl::FromChrono(RealClock().Now() - asked));
      if (pause > absl::ZeroDuration()) {
        PauseFor(run_, pause);
      }
    }
  }

 private:
  absl::Status Show(const WaitResult& result) {
    const absl::Time at = clock_.At(result.sampled_at_ns);
    for (const client::Event& event : result.events) {
      const absl::Status shown = run_.out().Row(
          EventJson(event, result.position, at), {"TIME", "HANDLE", "READY"},
          {TimeOfDay(at), NameOrId(event.handle_name, event.handle_id),
           ReadyLetters(event)});
      if (!shown.ok()) {
        return shown;
      }
      ++shown_;
      if (shown_ == options_.count || IsExit(event)) {
        over_ = true;
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  bool IsExit(const client::Event& event) const {
    return options_.exit_on.has_value() &&
           (options_.exit_on->handle == event.handle_name ||
            options_.exit_on->handle == absl::StrCat(event.handle_id)) &&
           (options_.exit_on->events & event.events) != 0;
  }

  // The stream is over: because of Ctrl-C, or of what its status says.
  absl::Status End(const EventStream& stream) {
    const int signal = run_.interrupt().signal();
    if (signal == 0) {
      return stream.status();
    }
    std::string said = absl::StrCat("interrupted after ", shown_,
                                    shown_ == 1 ? " event" : " events");
    const WaitPosition position =
        stream.position().sequence != 0
            ? stream.position()
            : options_.resume_after.value_or(WaitPosition());
    if (position.sequence != 0) {
      absl::StrAppend(&said, "; resume with --resume ",
                      FormatPosition(position));
    }
    run_.out().Note(said);
    return Quietly(kExitSignalBase + signal);
  }

  Runtime& run_;
  const FollowOptions& options_;
  const EventClock clock_;
  Pace pace_;
  std::int64_t shown_ = 0;
  std::int64_t reconnects_ = 0;
  bool over_ = false;
};

// The same for the same specs, in the rules of a selector's name.
std::string SelectorNameFor(const std::vector<Spec>& specs) {
  std::uint64_t hash = kFnvStart;
  for (const Spec& spec : specs) {
    hash =
        Fnv1a(absl::StrCat(
                  spec.handle, ":", spec.events, ",",
                  static_cast<int>(spec.trigger.value_or(Trigger::kEdge)), " "),
              hash);
  }
  return absl::StrCat("wait-", absl::Hex(hash));
}

// The selector that an interrupted wait left behind.
absl::StatusOr<Selector> FindLeft(Session& session, const std::string& name) {
  Selector left = session.AttachSelector(name);
  const absl::Status there = left.Describe().status();
  if (DetailOf(there).reason == "SELECTOR_UNKNOWN") {
    return LocalError("there is no interrupted wait on these handles",
                      "give the same specs as before, in the same session");
  }
  if (!there.ok()) {
    return there;
  }
  return left;
}

// A new selector called `name`. One that an interrupted wait left is replaced;
// while one is in use by another wait, the new one has no name.
absl::StatusOr<Selector> MakeNamed(Session& session, const std::string& name) {
  absl::StatusOr<Selector> made =
      session.CreateSelector(v1::SELECTOR_KIND_POLL, name);
  if (made.status().code() != absl::StatusCode::kAlreadyExists) {
    return made;
  }
  Selector left = session.AttachSelector(name);
  const absl::StatusOr<v1::Selector> is = left.Describe();
  if (is.ok() && is->waiting()) {
    return session.CreateSelector(v1::SELECTOR_KIND_POLL);
  }
  (void)left.Close();  // gone meanwhile is as good
  return session.CreateSelector(v1::SELECTOR_KIND_POLL, name);
}

absl::Status RegisterAll(Session& session, Selector& selector,
                         const std::vector<Spec>& specs) {
  for (const Spec& spec : specs) {
    const absl::Status registered =
        selector
            .Register(session.AttachHandle(spec.handle), spec.events,
                      spec.trigger.value_or(Trigger::kEdge))
            .status();
    if (!registered.ok()) {
      return registered;
    }
  }
  return absl::OkStatus();
}

}  // namespace

void NoteReconnects(Runtime& run, const EventStream& stream,
                    std::int64_t* noted) {
  if (std::exchange(*noted, stream.reconnects()) != stream.reconnects()) {
    run.out().Note("reconnected; nothing was lost");
  }
}

absl::Status FollowSelector(Runtime& run, Selector& selector,
                            const FollowOptions& options) {
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  const absl::StatusOr<v1::GetServerResponse> server = (*client)->GetServer();
  if (!server.ok()) {
    return server.status();
  }
  WaitOptions wait;
  wait.timeout = run.timeout_or(Timeout::Forever());
  wait.resume_after = options.resume_after;
  absl::StatusOr<EventStream> stream = selector.WaitFor(wait);
  if (!stream.ok()) {
    return stream.status();
  }
  return Follower(run, options, EventClock(*server)).Run(*stream);
}

absl::Status FollowSpecs(Runtime& run, Session& session,
                         const std::vector<Spec>& specs,
                         const FollowOptions& options) {
  const std::string name = SelectorNameFor(specs);
  absl::StatusOr<Selector> selector = options.resume_after.has_value()
                                          ? FindLeft(session, name)
                                          : MakeNamed(session, name);
  if (!selector.ok()) {
    return selector.status();
  }
  if (!options.resume_after.has_value()) {
    const absl::Status registered = RegisterAll(session, *selector, specs);
    if (!registered.ok()) {
      return registered;
    }
  }
  absl::Status status = FollowSelector(run, *selector, options);
  if (run.interrupt().signal() != 0 ||
      status.code() == absl::StatusCode::kUnavailable) {
    selector->Release();
  } else if (options.resume_after.has_value()) {
    (void)selector->Close();  // attached, so it does not go by itself
  }
  return status;
}

}  // namespace farpoll::cli
