// What is told of one torrent: peerctl status, the status file, the metrics, the log.
// Plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/torrent.h"

namespace piecework::peer {

enum class DownloadState {
  kChecking,
  kDownloading,
  kSeeding,
  kPaused,
  kFinished,
  kRemoved,
  kError
};
inline constexpr std::array kDownloadStates{DownloadState::kChecking, DownloadState::kDownloading,
                                            DownloadState::kSeeding,  DownloadState::kPaused,
                                            DownloadState::kFinished, DownloadState::kRemoved,
                                            DownloadState::kError};
std::string_view download_state_name(DownloadState state);  // one lower-case word

struct DownloadStatus {
  InfoHash info_hash;
  std::string name;
  DownloadState state = DownloadState::kChecking;
  std::string reason;       // what is wrong, or why it is slow; empty when all is well
  std::uint64_t bytes = 0;  // held (looked at, while checking), of
  std::uint64_t length = 0;
  std::uint64_t received = 0;  // since the start: kept,
  std::uint64_t wasted = 0;    // and thrown away
  std::uint64_t sent = 0;
  double rate_down = 0;  // bytes/s
  double rate_up = 0;
  std::size_t peers = 0;

  double done() const {  // 0 … 1
    if (length > 0) return static_cast<double>(bytes) / static_cast<double>(length);
    return state == DownloadState::kSeeding || state == DownloadState::kFinished ? 1 : 0;
  }
  std::uint64_t held() const { return state == DownloadState::kChecking ? 0 : bytes; }  // verified
  bool operator==(const DownloadStatus&) const = default;
};

}  // namespace piecework::peer
