#include "common/line_budget.h"

#include <algorithm>
#include <utility>

namespace piecework {
namespace {

struct Parts {
  std::string_view level;
  std::string_view event;
  std::string_view fields;
};

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

Parts parts_of(std::string_view text) {
  Parts parts;
  parts.level = take_word(text);
  parts.event = take_word(text);
  parts.fields = text;
  return parts;
}

bool is_about_others(const Parts& parts) {
  return parts.level != "debug" &&
         (parts.fields.starts_with("peer=") || parts.fields.starts_with("address="));
}

}  // namespace

bool LineBudget::admit(std::string_view text, TimePoint now, std::uint64_t lines) {
  const Parts parts = parts_of(text);
  if (!is_about_others(parts)) return true;
  auto at = events_.find(parts.event);
  if (at == events_.end()) {
    at = events_.emplace(std::string(parts.event), Event{.filled = now}).first;
  }
  Event& event = at->second;
  if (now > event.filled) {
    const auto refills = (now - event.filled) / kRefill;
    event.stock = std::min(kStock, event.stock + static_cast<std::uint64_t>(refills));
    event.filled += kRefill * refills;
  }
  if (event.stock > 0) {
    --event.stock;
    return true;
  }
  if (event.held == 0) event.held_since = now;
  event.held += lines;
  return false;
}

std::vector<LineBudget::Held> LineBudget::take_due(TimePoint now, bool everything) {
  std::vector<Held> due;
  for (auto& [name, event] : events_) {
    if (event.held == 0 || (!everything && now - event.held_since < kReportEvery)) continue;
    due.push_back({name, std::exchange(event.held, 0)});
  }
  return due;
}

}  // namespace piecework
