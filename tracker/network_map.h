// Which of the operator's networks (`networks:` in trackerd.yaml) an address is in.
// Immutable; safe from any thread.
#pragma once

#include <vector>

#include "common/endpoint.h"
#include "tracker/swarm_members.h"

namespace piecework::tracker {

class NetworkMap {
 public:
  NetworkMap() = default;  // no networks
  // One network for each element, of all its blocks; at most 65535.
  explicit NetworkMap(const std::vector<std::vector<Network>>& networks);

  // The network with the longest block that contains `address`; kNoNetwork when none does.
  NetworkIndex network_of(const IpAddress& address) const;

 private:
  struct Block {
    Network block;
    NetworkIndex network;
  };
  std::vector<Block> blocks_;  // the longest first
};

}  // namespace piecework::tracker
