#include "tracker/swarm_members.h"

#include <algorithm>

namespace piecework::tracker {

SwarmMembers::Range SwarmMembers::range_of(NetworkIndex network) const {
  if (network == kNoNetwork) return {0, end_before(0)};
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].network == network) return {groups_[i].begin, end_before(i + 1)};
  }
  return {0, 0};
}

// The number of the group after that of `network`, which is made when there is none.
std::size_t SwarmMembers::group_for(NetworkIndex network) {
  if (network == kNoNetwork) return 0;
  const auto at = std::find_if(groups_.begin(), groups_.end(),
                               [&](const Group& group) { return group.network == network; });
  if (at != groups_.end()) return static_cast<std::size_t>(at - groups_.begin()) + 1;
  groups_.push_back({network, size()});
  return groups_.size();
}

// Where the members before that group end.
std::uint32_t SwarmMembers::end_before(std::size_t group) const {
  return group < groups_.size() ? groups_[group].begin : size();
}

void SwarmMembers::forget_if_empty(NetworkIndex network, std::size_t group) {
  if (network == kNoNetwork || groups_[group - 1].begin != end_before(group)) return;
  groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(group - 1));
}

}  // namespace piecework::tracker
