// Who may talk to a daemon at all: its `allow` and `deny` lists of networks. Whoever is in a block
// of `deny` may not; of the others everybody may when `allow` is empty, and else who is in a block
// of it. Immutable; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/endpoint.h"

namespace piecework {

class AccessList {
 public:
  AccessList() = default;  // everybody may
  AccessList(const std::vector<Network>& allow, const std::vector<Network>& deny);

  // Takes the logarithm of the number of blocks.
  bool admits(const IpAddress& address) const;

 private:
  // Addresses of one family: first and last of each range, in order and apart.
  using Bytes = std::array<std::uint8_t, 16>;
  using Ranges = std::vector<std::pair<Bytes, Bytes>>;

  struct Blocks {
    Blocks() = default;
    explicit Blocks(const std::vector<Network>& networks);
    bool hold(const IpAddress& address) const;
    bool empty() const { return v4.empty() && v6.empty(); }

    Ranges v4;
    Ranges v6;
  };

  Blocks allowed_;
  Blocks denied_;
};

}  // namespace piecework
