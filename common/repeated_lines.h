// Holds back log lines that say the same thing over and over: of equal lines the first few pass,
// the rest are counted and reported once in a window of time, until there is a window without them.
// What it remembers is bounded in number and, since its caller bounds each line, in bytes. No lock,
// no clock of its own: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.h"

namespace piecework {

class RepeatedLines {
 public:
  static constexpr seconds kWindow{60};  // from the first of several equal lines
  static constexpr std::uint64_t kPassed = 3;
  static constexpr std::size_t kRemembered = 256;

  // A line that was held back `count` times.
  struct Held {
    std::string text;
    std::uint64_t count;
  };

  // True when the line is to be printed now. `due` receives what has to be reported before it:
  // counts of windows that are over, and that of a line forgotten to make room.
  bool admit(std::string_view text, TimePoint now, std::vector<Held>& due);

  // Returns, oldest first, the lines that were held back at least once in a window that is over by
  // now; with `everything` those of all windows, and forgets them.
  std::vector<Held> take_due(TimePoint now, bool everything);

 private:
  struct Line {
    std::string text;
    TimePoint since;
    std::uint64_t seen;  // beyond kPassed they were held back
  };

  void close_windows(TimePoint now, std::vector<Held>& due);
  void close_oldest(TimePoint now, std::vector<Held>& due);
  void forget_oldest(std::vector<Held>& due);

  std::list<Line> lines_;  // by `since`, the oldest first
  std::unordered_map<std::string_view, std::list<Line>::iterator> by_text_;  // views into lines_
};

}  // namespace piecework
