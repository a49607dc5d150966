// client/cli/top_screen.h: room: cli. The terminal as a screen to draw on, and
// its keys. The only place that knows ncurses.
// Threads: one object at a time, and one thread.
// Source: curses(3ncurses), terminfo(5), signal-safety(7).
#ifndef FARPOLL_CLIENT_CLI_TOP_SCREEN_H_
#define FARPOLL_CLIENT_CLI_TOP_SCREEN_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "client/cli/top_view.h"

namespace farpoll::cli {

// Whether the locale of the environment has more than ASCII. Sets the locale.
bool TerminalHasUnicode();

// Takes the terminal of standard input and output, and gives it back as it was
// when it goes. A signal that stands for a fault of ours gives it back as well;
// the others are the caller's to catch before it makes a screen.
class TopScreen {
 public:
  // Errors: LocalError when this is no terminal, or of a type that is not
  // known.
  static absl::StatusOr<std::unique_ptr<TopScreen>> Open();
  ~TopScreen();
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;

  TopSize size() const;
  void Draw(const std::vector<TopLine>& lines);
  // A key that was pressed (a TopKey or a character); none when there is none.
  absl::optional<int> NextKey();

  // The terminal has another size now.
  void OnResize();
  // Gives the terminal back and stops the program as Ctrl-Z does; returns when
  // it goes on, with the screen to be drawn anew.
  void Suspend();

 private:
  class State;
  explicit TopScreen(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_TOP_SCREEN_H_
