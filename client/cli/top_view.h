// client/cli/top_view.h: room: cli. What a person sees of a TopModel: which
// rows, in which order, and what the keys change of that. No terminal in it:
// keys come as numbers, and what is to be shown goes as lines of text. Threads:
// one; time is what it is told.
#ifndef FARPOLL_CLIENT_CLI_TOP_VIEW_H_
#define FARPOLL_CLIENT_CLI_TOP_VIEW_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/cli/output.h"
#include "client/cli/top_model.h"

namespace farpoll::cli {

// Keys that are no characters; all others are their ASCII.
enum TopKey : int {
  kKeyUp = -1,
  kKeyDown = -2,
  kKeyPageUp = -3,
  kKeyPageDown = -4,
  kKeyHome = -5,
  kKeyEnd = -6,
  kKeyEnter = -7,
  kKeyEscape = -8,
  kKeyBackspace = -9,
};

struct TopSize {
  int rows = 0;
  int columns = 0;
};

// A line of the screen: no wider than it, one column a character.
struct TopLine {
  enum class Look { kPlain, kTitle, kHeading, kHint };
  std::string text;
  Look look = Look::kPlain;
};

// What the first line says besides the counts.
struct TopTitle {
  std::string server;   // "farpolld 0.1.0"
  std::string session;  // its name or id
  bool away = false;    // the connection is being made again
};

class TopView {
 public:
  // `ascii`: draws with nothing else.
  TopView(TopOrder order, bool ascii)
      : order_(std::move(order)), ascii_(ascii) {}

  // Does what a key asks for. False when it asks for the end. `model` is what
  // pausing keeps.
  bool OnKey(int key, const TopModel& model, MonotonicTime now);

  // Whether what is shown stands still.
  bool paused() const { return paused_.has_value(); }

  // The screen, `size.rows` lines at most: a title, headings, rows, and the
  // keys or the filter that is being typed.
  std::vector<TopLine> Paint(const TopModel& model, const TopTitle& title,
                             TopSize size, MonotonicTime now);

 private:
  struct Paused {
    TopModel model;
    MonotonicTime at;
  };

  void OnTyping(int key);
  void Scroll(int key);
  std::string Title(const TopModel& model, const TopTitle& title,
                    std::size_t shown, MonotonicTime now) const;
  std::string Hint() const;

  TopOrder order_;
  const bool ascii_;
  absl::optional<Paused> paused_;
  bool typing_ = false;    // the filter
  std::size_t first_ = 0;  // row on the screen
  std::size_t page_ = 1;   // rows on the screen, when it was painted last
};

// All rows of the model as a table, and as JSON, for `top --once`.
Table TopTable(const TopModel& model, const TopOrder& order, MonotonicTime now);
std::vector<Json> TopJson(const TopModel& model, const TopOrder& order,
                          MonotonicTime now);
// "handles 1000  R 1  W 500  changes/s 3  bytes/s 1.2k"
std::string TopCounts(const TopModel& model, MonotonicTime now);

// A rate in five characters at most: "0", "0.3", "12", "1.8k", "340M".
std::string FormatRate(double rate);
// How long ago, in six characters at most: "0.4s", "12s", "4m02s", "3d02h".
std::string FormatAge(absl::Duration age);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_TOP_VIEW_H_
