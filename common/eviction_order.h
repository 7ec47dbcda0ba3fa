// Who makes room for whom, among those who may be asked to: of the address that has most of them,
// the one that has been among them longest. So a crowd from a few addresses makes room for itself,
// and not at the expense of the one or two from elsewhere.
// Plain data: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

#include "common/endpoint.h"

namespace piecework {

// `Member` is what a connection is to its owner; only its address in memory is kept.
template <typename Member>
class EvictionOrder {
 public:
  // Counts up with each add().
  using Ticket = std::uint64_t;

  // The ticket is for remove().
  Ticket add(const IpAddress& address, Member& member) {
    Members& members = by_address_[address];
    unrank(members);
    const Ticket ticket = next_++;
    members.emplace(ticket, &member);
    rank(members);
    return ticket;
  }

  // Of one that was added for that address.
  void remove(const IpAddress& address, Ticket ticket) {
    const auto found = by_address_.find(address);
    if (found == by_address_.end()) return;
    Members& members = found->second;
    unrank(members);
    members.erase(ticket);
    rank(members);
    if (members.empty()) by_address_.erase(found);
  }

  // Of addresses with equally many, the one whose oldest came first. Null when there is none.
  Member* first() const { return ranks_.empty() ? nullptr : ranks_.begin()->second; }

  // Of that address.
  Member* first_of(const IpAddress& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : found->second.begin()->second;
  }

 private:
  using Members = std::map<Ticket, Member*>;  // not empty

  struct Rank {
    std::size_t members;
    Ticket oldest;  // no two addresses have the same
    bool operator<(const Rank& other) const {
      return members != other.members ? members > other.members : oldest < other.oldest;
    }
  };

  void rank(const Members& members) {
    if (members.empty()) return;
    const auto& [ticket, member] = *members.begin();
    ranks_.emplace(Rank{members.size(), ticket}, member);
  }
  void unrank(const Members& members) {
    if (!members.empty()) ranks_.erase(Rank{members.size(), members.begin()->first});
  }

  std::unordered_map<IpAddress, Members> by_address_;
  std::map<Rank, Member*> ranks_;  // the oldest of each address
  Ticket next_ = 0;
};

}  // namespace piecework
