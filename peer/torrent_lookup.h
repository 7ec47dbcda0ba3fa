// Which torrent somebody means: by the name of its file, by its info_hash, or by the beginning of
// that.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/torrent.h"

namespace piecework::peer {

struct NamedTorrent {
  InfoHash info_hash;
  std::string name;  // file_name
  bool operator==(const NamedTorrent&) const = default;
};

// Those of `torrents` that `word` may mean: the one called that; otherwise those whose info_hash
// begins with it, when it has at least kLeastPrefix hex digits, large or small. Each once.
std::vector<NamedTorrent> find_torrents(const std::vector<NamedTorrent>& torrents,
                                        std::string_view word);

inline constexpr std::size_t kLeastPrefix = 4;

}  // namespace piecework::peer
