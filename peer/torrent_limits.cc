#include "peer/torrent_limits.h"

#include <algorithm>

namespace piecework::peer {

bool fits_by_hash(const TorrentLimit& limit, const std::string& file_name,
                  const InfoHash& info_hash) {
  if (limit.torrent == file_name || limit.torrent.size() < kLeastHashDigits) return false;
  std::string digits = limit.torrent;
  for (char& c : digits) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return info_hash.to_hex().starts_with(digits);
}

TorrentBandwidth::Rates rates_for(const std::vector<TorrentLimit>& limits,
                                  const std::string& file_name, const InfoHash& info_hash) {
  const auto fits = [&](const TorrentLimit& limit) {
    return limit.torrent == file_name || fits_by_hash(limit, file_name, info_hash);
  };
  const auto at = std::find_if(limits.begin(), limits.end(), fits);
  return at == limits.end() ? TorrentBandwidth::Rates{} : at->rates;
}

}  // namespace piecework::peer
