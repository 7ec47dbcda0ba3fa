#include "peer/torrent_lookup.h"

#include <algorithm>

namespace piecework::peer {
namespace {

// In lower case; empty when it is none.
std::string hash_prefix(std::string_view word) {
  std::string prefix;
  for (const char c : word) {
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!letter && !(c >= '0' && c <= '9')) return {};
    prefix += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return prefix.size() < kLeastPrefix ? std::string() : prefix;
}

}  // namespace

std::vector<NamedTorrent> find_torrents(const std::vector<NamedTorrent>& torrents,
                                        std::string_view word) {
  std::vector<NamedTorrent> found;
  const auto add = [&](const NamedTorrent& torrent) {
    if (std::find(found.begin(), found.end(), torrent) == found.end()) found.push_back(torrent);
  };
  for (const NamedTorrent& torrent : torrents) {
    if (torrent.name == word) add(torrent);
  }
  const std::string prefix = hash_prefix(word);
  if (!found.empty() || prefix.empty()) return found;
  for (const NamedTorrent& torrent : torrents) {
    if (torrent.info_hash.to_hex().starts_with(prefix)) add(torrent);
  }
  return found;
}

}  // namespace piecework::peer
