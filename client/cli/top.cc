#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/cli/failure.h"
#include "client/cli/observe_arguments.h"
#include "client/cli/observe_feed.h"
#include "client/cli/signal_pipe.h"
#include "client/cli/top_model.h"
#include "client/cli/top_screen.h"
#include "client/cli/top_view.h"
#include "client/cli/verbs.h"
#include "client/observe_stream.h"

namespace farpoll::cli {
namespace {

// A frame follows another after this at the earliest, and after that at the
// latest, as ages and rates change by themselves.
constexpr auto kLeastFrame = std::chrono::milliseconds(33);
constexpr auto kMostFrame = std::chrono::seconds(1);

struct Arguments {
  ObserveArguments which;
  std::string sort;
  std::string filter;
  bool reversed = false;
  bool ascii = false;
  bool once = false;
};

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

TopOrder OrderOf(const Arguments& arguments) {
  const auto* const found =
      std::find(std::begin(kTopSortNames), std::end(kTopSortNames),
                absl::string_view(arguments.sort));
  TopOrder order;
  if (found != std::end(kTopSortNames)) {
    order.sort = static_cast<TopSort>(found - std::begin(kTopSortNames));
  }
  order.reversed = arguments.reversed;
  order.filter = arguments.filter;
  return order;
}

// The live table: one loop over the keys, the server's news, signals and time.
class Top {
 public:
  Top(Runtime& run, Session& session, const v1::ObserveRequest& request,
      TopView view, TopTitle title)
      : run_(run),
        // ncurses leaves a signal alone that is somebody's already.
        signals_({SIGWINCH, SIGTSTP, SIGHUP, SIGQUIT}),
        feed_(session, request),
        view_(std::move(view)),
        title_(std::move(title)) {}

  // Until a key, a signal or the end of the session ends it.
  absl::Status Run() {
    absl::StatusOr<std::unique_ptr<TopScreen>> screen = TopScreen::Open();
    if (!screen.ok()) {
      return screen.status();
    }
    screen_ = *std::move(screen);
    while (!end_.has_value()) {
      Paint();
      AwaitSomething();
      TakeNews();
      TakeSignals();
      TakeKeys();
    }
    screen_.reset();  // what is said next is for the terminal as it was
    return *end_;
  }

 private:
  // Draws, unless the last frame is too young for that.
  void Paint() {
    const MonotonicTime now = Now();
    if (now < next_frame_) {
      return;
    }
    screen_->Draw(view_.Paint(model_, title_, screen_->size(), now));
    next_frame_ = now + kLeastFrame;
    is_stale_ = false;
  }

  void AwaitSomething() {
    const MonotonicTime until =
        is_stale_ ? next_frame_ : next_frame_ - kLeastFrame + kMostFrame;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - Now());
    pollfd entries[] = {{STDIN_FILENO, POLLIN, 0},
                        {feed_.fd(), POLLIN, 0},
                        {signals_.fd(), POLLIN, 0},
                        {run_.interrupt().fd(), POLLIN, 0}};
    (void)::poll(entries, std::size(entries),
                 static_cast<int>(std::max<std::int64_t>(0, left.count())));
    has_key_ = entries[0].revents != 0;
    has_signal_ = entries[2].revents != 0;
  }

  void TakeNews() {
    const ObserveFeed::News news = feed_.Take();
    const MonotonicTime now = Now();
    for (const ObserveFeed::Piece& piece : news.pieces) {
      model_.Apply(piece.response, piece.anew, now);
    }
    is_stale_ = is_stale_ || !news.pieces.empty() || news.away != title_.away;
    title_.away = news.away;
    if (news.end.has_value()) {
      end_ = *news.end;
    }
  }

  void TakeSignals() {
    if (const int signal = run_.interrupt().signal(); signal != 0) {
      end_ = Quietly(kExitSignalBase + signal);
    }
    if (!has_signal_) {
      return;
    }
    const int signal = signals_.Next();
    if (signal == SIGWINCH) {
      screen_->OnResize();
    } else if (signal == SIGTSTP) {
      screen_->Suspend();
    } else {
      end_ = Quietly(kExitSignalBase + signal);
    }
    is_stale_ = true;
  }

  void TakeKeys() {
    bool any = false;
    while (const absl::optional<int> key = screen_->NextKey()) {
      any = is_stale_ = true;
      if (!view_.OnKey(*key, model_, Now())) {
        end_ = absl::OkStatus();
      }
    }
    if (has_key_ && !any && !end_.has_value()) {
      end_ = absl::OkStatus();  // readable without a key: the terminal is gone
    }
  }

  Runtime& run_;
  SignalPipe signals_;
  ObserveFeed feed_;
  std::unique_ptr<TopScreen> screen_;
  TopModel model_;
  TopView view_;
  TopTitle title_;
  MonotonicTime next_frame_ = MonotonicTime::min();
  bool is_stale_ = true;  // there is something new to draw
  bool has_key_ = false;
  bool has_signal_ = false;
  absl::optional<absl::Status> end_;
};

// What there is now, as a table or as JSON, for scripts.
absl::Status Once(Runtime& run, Session& session,
                  const v1::ObserveRequest& request, const TopOrder& order) {
  ObserveStream stream = session.Observe(request);
  TopModel model;
  bool anew = true;
  while (!model.complete()) {
    const v1::ObserveResponse* const response = stream.Next();
    if (response == nullptr) {
      return stream.status();
    }
    model.Apply(*response, std::exchange(anew, false), Now());
  }
  const MonotonicTime now = Now();
  return run.out().List("handles", TopJson(model, order, now),
                        TopTable(model, order, now));
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<v1::ObserveRequest> request =
      ToObserveRequest(arguments.which);
  if (!request.ok()) {
    return request.status();
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  const TopOrder order = OrderOf(arguments);
  if (arguments.once) {
    return Once(run, **session, *request, order);
  }
  if (run.out().format() != Format::kTable) {
    return UsageError("top draws on a terminal: use --once with -o");
  }
  const absl::StatusOr<v1::GetServerResponse> server =
      (*run.client())->GetServer();
  if (!server.ok()) {
    return server.status();
  }
  const bool is_ascii = !TerminalHasUnicode() || arguments.ascii;
  return Top(run, **session, *request, TopView(order, is_ascii),
             {.server = absl::StrCat("farpolld ", server->version()),
              .session = run.settings().session.value})
      .Run();
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  AddObserveArguments(command, arguments->which);
  command.Add("--sort", arguments->sort, "what comes first (busiest)")
      .OneOf({std::begin(kTopSortNames), std::end(kTopSortNames)});
  command.AddFlag("--reverse", arguments->reversed, "the other way round");
  command
      .Add("--filter", arguments->filter,
           "at first only those with this in their name or kind")
      .Type("TEXT");
  command.AddFlag("--ascii", arguments->ascii, "draw with ASCII alone");
  command.AddFlag("--once", arguments->once,
                  "print what there is now, and end; also with -o json");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb TopVerb() {
  return {"top",
          groups::kWait,
          "shows handles, readiness and rates on the whole screen, live",
          R"(  farpoll top
  farpoll top 'build.*' --sort bytes
  farpoll top --once -o json
)",
          "Keys: s what comes first, r reverse, / filter, space pause, arrows "
          "and pages scroll, q quit.\n"
          "READY: as in list. CHG/S and B/S: changes and bytes a second, of "
          "the last three seconds.\n"
          "It takes no event from anybody; see watch.",
          &Declare};
}

}  // namespace farpoll::cli
