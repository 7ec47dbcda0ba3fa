// The members of one swarm as a dense list, from which random ones can be drawn. Those of one
// network stand side by side, in no order, so that they can be drawn from alone; to keep it so,
// adding and removing moves one member of each network further on. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace piecework::tracker {

// Which of the operator's networks an address is in; from 1 on.
using NetworkIndex = std::uint16_t;
inline constexpr NetworkIndex kNoNetwork = 0;

class SwarmMembers {
 public:
  using Slot = std::uint32_t;  // the member, as its owner calls it

  struct Range {
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t size() const { return end - begin; }
  };

  std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }
  Slot operator[](std::uint32_t position) const { return slots_[position]; }

  // Where the members in `network` stand.
  Range range_of(NetworkIndex network) const;

  // Adds a member, or removes that at `position`, which was added in `network`. `moved(slot,
  // position)` is called for each member that has got another position, the new one included.
  template <typename Moved>
  void add(Slot slot, NetworkIndex network, Moved moved) {
    const std::size_t group = group_for(network);
    std::uint32_t hole = size();
    slots_.push_back(slot);
    for (std::size_t later = groups_.size(); later-- > group;) {
      std::uint32_t& begin = groups_[later].begin;
      if (begin != hole) moved(slots_[hole] = slots_[begin], hole);
      hole = begin++;
    }
    moved(slots_[hole] = slot, hole);
  }

  template <typename Moved>
  void remove(std::uint32_t position, NetworkIndex network, Moved moved) {
    const std::size_t group = group_for(network);
    std::uint32_t hole = position;
    for (std::size_t later = group; later <= groups_.size(); ++later) {
      const std::uint32_t last = end_before(later) - 1;
      if (last != hole) moved(slots_[hole] = slots_[last], hole);
      hole = last;
      if (later < groups_.size()) --groups_[later].begin;
    }
    slots_.pop_back();
    forget_if_empty(network, group);
  }

 private:
  // The members of a network from here to where the next group begins. Those in no network come
  // first and need no entry.
  struct Group {
    NetworkIndex network;
    std::uint32_t begin;
  };

  std::size_t group_for(NetworkIndex network);
  std::uint32_t end_before(std::size_t group) const;
  void forget_if_empty(NetworkIndex network, std::size_t group);

  std::vector<Slot> slots_;
  std::vector<Group> groups_;
};

}  // namespace piecework::tracker
