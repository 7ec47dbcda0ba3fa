#include "common/repeated_lines.h"

#include <iterator>
#include <utility>

namespace piecework {

bool RepeatedLines::admit(std::string_view text, TimePoint now, std::vector<Held>& due) {
  while (!lines_.empty() && now - lines_.front().since >= kWindow) forget_oldest(due);
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
  while (!lines_.empty() && (everything || now - lines_.front().since >= kWindow)) {
    forget_oldest(due);
  }
  return due;
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
