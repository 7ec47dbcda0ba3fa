#include "common/access_list.h"

#include <algorithm>
#include <iterator>

namespace piecework {
namespace {

using Range = std::pair<std::array<std::uint8_t, 16>, std::array<std::uint8_t, 16>>;

Range range_of(const Network& block) {
  Range range{block.base().bytes(), block.base().bytes()};
  for (int bit = block.prefix_bits(); bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    const auto i = static_cast<std::size_t>(bit / 8);
    range.first[i] &= static_cast<std::uint8_t>(~mask);
    range.second[i] |= mask;
  }
  return range;
}

// The same addresses, in order and without overlaps.
std::vector<Range> merged(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> apart;
  for (const Range& range : ranges) {
    if (apart.empty() || apart.back().second < range.first) {
      apart.push_back(range);
    } else {
      apart.back().second = std::max(apart.back().second, range.second);
    }
  }
  return apart;
}

}  // namespace

AccessList::AccessList(const std::vector<Network>& allow, const std::vector<Network>& deny)
    : allowed_(allow), denied_(deny) {}

bool AccessList::admits(const IpAddress& address) const {
  return !denied_.hold(address) && (allowed_.empty() || allowed_.hold(address));
}

AccessList::Blocks::Blocks(const std::vector<Network>& networks) {
  for (const Network& block : networks) {
    (block.base().is_v4() ? v4 : v6).push_back(range_of(block));
  }
  v4 = merged(std::move(v4));
  v6 = merged(std::move(v6));
}

bool AccessList::Blocks::hold(const IpAddress& address) const {
  const Ranges& ranges = address.is_v4() ? v4 : v6;
  const Bytes& bytes = address.bytes();
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), bytes,
                       [](const Bytes& value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && bytes <= std::prev(after)->second;
}

}  // namespace piecework
