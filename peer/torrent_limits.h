// What the operator grants single torrents (`limits:` in peerd.yaml), besides what all of them
// share.
// Plain data and pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/torrent.h"
#include "peer/torrent_bandwidth.h"

namespace piecework::peer {

struct TorrentLimit {
  std::string torrent;  // a file_name, or the first hex digits of an info_hash
  TorrentBandwidth::Rates rates;
};

// Fewer digits do not name a torrent.
inline constexpr std::size_t kLeastHashDigits = 8;

// Is that torrent meant by the beginning of its info_hash, and not by its name?
bool fits_by_hash(const TorrentLimit& limit, const std::string& file_name,
                  const InfoHash& info_hash);

// The rates of the first one in `limits` that fits; none when none does.
TorrentBandwidth::Rates rates_for(const std::vector<TorrentLimit>& limits,
                                  const std::string& file_name, const InfoHash& info_hash);

}  // namespace piecework::peer
