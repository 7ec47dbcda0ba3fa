// How many log lines there may be about others, whom everybody on the network can be: each event
// has a stock of lines, which fills up slowly, and beyond it they are only counted. Lines about
// ourselves, those that begin with anything but `peer=` or `address=`, are not counted, and nor are
// debug lines, for which somebody has asked. No lock, no clock of its own: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace piecework {

class LineBudget {
 public:
  static constexpr std::uint64_t kStock = 2000;  // lines of one event, at once
  static constexpr milliseconds kRefill{200};    // for one line more
  static constexpr seconds kReportEvery{60};     // from the first that was held back

  // So many lines of one event were held back.
  struct Held {
    std::string event;
    std::uint64_t lines;
  };

  // `text` is a line without its time: level, event, fields. True when it is to be printed; else it
  // counts as `lines` that were not.
  bool admit(std::string_view text, TimePoint now, std::uint64_t lines = 1);

  // What was held back and is to be reported by now; with `everything` all of it.
  std::vector<Held> take_due(TimePoint now, bool everything);

 private:
  struct Event {
    std::uint64_t stock = kStock;
    TimePoint filled;  // when the stock was what it says
    std::uint64_t held = 0;
    TimePoint held_since{};
  };

  // By name. Those are our own: there are few.
  std::map<std::string, Event, std::less<>> events_;
};

}  // namespace piecework
