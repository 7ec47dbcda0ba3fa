#include "common/peer_id.h"

#include <algorithm>
#include <cstddef>

namespace piecework {
namespace {

constexpr std::size_t kMaxPeerIdBytes = 64;

}  // namespace

bool is_peer_id(std::string_view text) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  return !text.empty() && text.size() <= kMaxPeerIdBytes &&
         std::all_of(text.begin(), text.end(), printable);
}

}  // namespace piecework
