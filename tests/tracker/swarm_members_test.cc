#include "tracker/swarm_members.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

namespace piecework::tracker {
namespace {

using Slot = SwarmMembers::Slot;

// Members with what their owner knows of them: position and network.
class Owner {
 public:
  void add(Slot slot, NetworkIndex network) {
    networks[slot] = network;
    members.add(slot, network, [this](Slot moved, std::uint32_t at) { positions[moved] = at; });
  }
  void remove(Slot slot) {
    members.remove(positions.at(slot), networks.at(slot),
                   [this](Slot moved, std::uint32_t at) { positions[moved] = at; });
    positions.erase(slot);
    networks.erase(slot);
  }
  bool is_sound() const {
    if (members.size() != positions.size()) return false;
    for (const auto& [slot, position] : positions) {
      const auto range = members.range_of(networks.at(slot));
      if (members[position] != slot || position < range.begin || position >= range.end)
        return false;
    }
    std::map<NetworkIndex, std::uint32_t> sizes;
    for (const auto& [slot, network] : networks) ++sizes[network];
    for (NetworkIndex network = 0; network < 10; ++network) {
      if (members.range_of(network).size() != sizes[network]) return false;
    }
    return true;
  }

  SwarmMembers members;
  std::map<Slot, std::uint32_t> positions;
  std::map<Slot, NetworkIndex> networks;
};

TEST_SUITE("swarm_members") {
  TEST_CASE("those of one network stand side by side") {
    Owner owner;
    owner.add(1, 7);
    owner.add(2, kNoNetwork);
    owner.add(3, 8);
    owner.add(4, 7);
    owner.add(5, kNoNetwork);
    REQUIRE(owner.is_sound());
    const auto range = owner.members.range_of(7);
    CHECK(range.size() == 2);
    CHECK(std::set{owner.members[range.begin], owner.members[range.begin + 1]} ==
          std::set<Slot>{1, 4});
    CHECK(owner.members.range_of(9).size() == 0);
  }

  TEST_CASE("they still do after anybody came and went") {
    std::mt19937 random(1);
    Owner owner;
    for (Slot slot = 0; slot < 2000; ++slot) {
      owner.add(slot, static_cast<NetworkIndex>(random() % 6));
      while (!owner.positions.empty() && random() % 2 == 0) {
        const auto at = owner.positions.lower_bound(static_cast<Slot>(random() % (slot + 1)));
        owner.remove(at == owner.positions.end() ? owner.positions.begin()->first : at->first);
      }
      REQUIRE(owner.is_sound());
    }
    while (!owner.positions.empty()) {
      owner.remove(owner.positions.begin()->first);
      REQUIRE(owner.is_sound());
    }
  }
}

}  // namespace
}  // namespace piecework::tracker
