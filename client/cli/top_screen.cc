#include "client/cli/top_screen.h"

// Functions in place of macros such as move() and erase().
#define NCURSES_NOMACROS
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

// Milliseconds after an escape in which the rest of a key's sequence comes.
constexpr int kEscapeDelay = 25;

// What a fault's handler needs, made beforehand: no more than write(2) and
// tcsetattr(3) may be called from it.
struct Emergency {
  termios modes;
  char bytes[128];
  std::size_t size;
};
Emergency g_emergency;

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE,
                           SIGABRT, SIGSYS, SIGTRAP};

void GiveBack(int signal) {
  (void)!::write(STDOUT_FILENO, g_emergency.bytes, g_emergency.size);
  (void)::tcsetattr(STDIN_FILENO, TCSANOW, &g_emergency.modes);
  (void)::raise(signal);  // by default now: it ends the program on return
}

void PrepareForFaults() {
  std::string bytes;
  for (const char* const name : {"sgr0", "cnorm", "rmkx", "rmcup"}) {
    const char* const sequence = ::tigetstr(const_cast<char*>(name));
    if (sequence != nullptr && sequence != reinterpret_cast<char*>(-1)) {
      bytes += sequence;
    }
  }
  g_emergency.size = bytes.copy(g_emergency.bytes, sizeof(g_emergency.bytes));
  struct sigaction action {};
  action.sa_handler = &GiveBack;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int fault : kFaults) {
    (void)::sigaction(fault, &action, nullptr);
  }
}

void ForgetFaults() {
  for (const int fault : kFaults) {
    (void)::signal(fault, SIG_DFL);
  }
}

int AttributesOf(TopLine::Look look) {
  switch (look) {
    case TopLine::Look::kTitle:
      return A_BOLD;
    case TopLine::Look::kHeading:
      return A_REVERSE;
    case TopLine::Look::kPlain:
    case TopLine::Look::kHint:
      break;
  }
  return A_NORMAL;
}

int KeyOf(int code) {
  switch (code) {
    case KEY_UP:
      return kKeyUp;
    case KEY_DOWN:
      return kKeyDown;
    case KEY_PPAGE:
      return kKeyPageUp;
    case KEY_NPAGE:
      return kKeyPageDown;
    case KEY_HOME:
      return kKeyHome;
    case KEY_END:
      return kKeyEnd;
    case '\r':
    case '\n':
    case KEY_ENTER:
      return kKeyEnter;
    case '\033':
      return kKeyEscape;
    case '\b':
    case 0x7f:
    case KEY_BACKSPACE:
      return kKeyBackspace;
    default:
      return code;
  }
}

}  // namespace

class TopScreen::State {
 public:
  explicit State(SCREEN* screen) : screen_(screen) {
    PrepareForFaults();
    ::cbreak();
    ::noecho();
    ::nonl();
    ::curs_set(0);
    ::set_escdelay(kEscapeDelay);
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
  }
  ~State() {
    ::endwin();
    ForgetFaults();
    ::delscreen(screen_);
  }

 private:
  SCREEN* const screen_;
};

bool TerminalHasUnicode() {
  (void)::setlocale(LC_CTYPE, "");
  return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
}

absl::StatusOr<std::unique_ptr<TopScreen>> TopScreen::Open() {
  if (::tcgetattr(STDIN_FILENO, &g_emergency.modes) != 0 ||
      ::isatty(STDOUT_FILENO) != 1) {
    return LocalError("this is no terminal", "farpoll top --once");
  }
  SCREEN* const screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    return LocalError("the type of this terminal is not known",
                      "set TERM, or: farpoll top --once");
  }
  return std::unique_ptr<TopScreen>(
      new TopScreen(std::make_unique<State>(screen)));
}

TopScreen::TopScreen(std::unique_ptr<State> state) : state_(std::move(state)) {}
TopScreen::~TopScreen() = default;

TopSize TopScreen::size() const {
  return {.rows = ::getmaxy(stdscr), .columns = ::getmaxx(stdscr)};
}

void TopScreen::Draw(const std::vector<TopLine>& lines) {
  ::werase(stdscr);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const int attributes = AttributesOf(lines[i].look);
    ::wattrset(stdscr, attributes);
    ::mvwaddstr(stdscr, static_cast<int>(i), 0, lines[i].text.c_str());
  }
  ::wattrset(stdscr, A_NORMAL);
  ::wrefresh(stdscr);
}

absl::optional<int> TopScreen::NextKey() {
  for (;;) {
    const int code = ::wgetch(stdscr);
    if (code == ERR) {
      return absl::nullopt;
    }
    if (code != KEY_RESIZE) {
      return KeyOf(code);
    }
  }
}

void TopScreen::OnResize() {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
      size.ws_col > 0) {
    ::resizeterm(size.ws_row, size.ws_col);
  }
}

void TopScreen::Suspend() {
  ::endwin();
  (void)::raise(SIGSTOP);
  OnResize();
  ::clearok(stdscr, TRUE);
}

}  // namespace farpoll::cli
