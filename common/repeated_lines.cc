#include "common/repeated_lines.h"

#include <iterator>
#include <utility>

namespace piecework {

bool RepeatedLines::admit(std::string_view text, TimePoint now, std::vector<Held>& due) {
  close_windows(now, due);
  if (const auto at = by_text_.find(text); at != by_text_.end()) {
    return ++at->second->seen <= kPassed;
  }
  if (lines_.size() >= kRemembered) forget_oldest(due);
  lines_.push_back({std::string(text), now, 1});
  by_text_.emplace(lines_.back().text, std::prev(lines_.end()));
  return true;
}

std::vector<RepeatedLines::Held> RepeatedLines::take_due(TimePoint now, bool everything) {
  std::vector<Held> due;
  close_windows(now, due);
  while (everything && !lines_.empty()) forget_oldest(due);
  return due;
}

void RepeatedLines::close_windows(TimePoint now, std::vector<Held>& due) {
  while (!lines_.empty() && now - lines_.front().since >= kWindow) close_oldest(now, due);
}

// One that goes on without end is not let through again, only counted.
void RepeatedLines::close_oldest(TimePoint now, std::vector<Held>& due) {
  Line& line = lines_.front();
  if (line.seen <= kPassed) return forget_oldest(due);
  due.push_back({line.text, line.seen - kPassed});
  line.since = now;
  line.seen = kPassed;
  lines_.splice(lines_.end(), lines_, lines_.begin());
}

void RepeatedLines::forget_oldest(std::vector<Held>& due) {
  Line& line = lines_.front();
  by_text_.erase(line.text);
  if (line.seen > kPassed) {
    due.push_back({std::move(line.text), line.seen - kPassed});
  }
  lines_.pop_front();
}

}  // namespace piecework
