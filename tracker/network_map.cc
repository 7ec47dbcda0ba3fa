#include "tracker/network_map.h"

#include <algorithm>

namespace piecework::tracker {

NetworkMap::NetworkMap(const std::vector<std::vector<Network>>& networks) {
  NetworkIndex index = kNoNetwork;
  for (const auto& blocks : networks) {
    ++index;
    for (const Network& block : blocks) blocks_.push_back({block, index});
  }
  std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) {
    return a.block.prefix_bits() > b.block.prefix_bits();
  });
}

NetworkIndex NetworkMap::network_of(const IpAddress& address) const {
  const auto contains = [&](const Block& block) { return block.block.contains(address); };
  const auto at = std::find_if(blocks_.begin(), blocks_.end(), contains);
  return at == blocks_.end() ? kNoNetwork : at->network;
}

}  // namespace piecework::tracker
