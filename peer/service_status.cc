#include "peer/service_status.h"

#include <algorithm>
#include <array>

#include "common/units.h"

namespace piecework::peer {
namespace {

std::string checking_text(const std::vector<DownloadStatus>& torrents) {
  std::size_t checking = 0;
  double read = 0;
  double length = 0;
  for (const DownloadStatus& torrent : torrents) {
    if (torrent.state != DownloadState::kChecking) continue;
    ++checking;
    read += static_cast<double>(torrent.bytes);
    length += static_cast<double>(torrent.length);
  }
  if (checking == 0) return {};
  const int percent = length > 0 ? static_cast<int>(std::min(read / length, 1.0) * 100) : 0;
  return "Checking " + std::to_string(checking) + " of " +
         format_count(torrents.size(), "torrent") + ", " + std::to_string(percent) + "%";
}

}  // namespace

std::string service_status(const std::vector<DownloadStatus>& torrents) {
  if (torrents.empty()) return "No torrents";
  std::string text = checking_text(torrents);
  const char* separator = text.empty() ? "" : "; ";
  for (const DownloadState state : kDownloadStates) {
    const auto count = std::count_if(torrents.begin(), torrents.end(),
                                     [&](const auto& torrent) { return torrent.state == state; });
    if (count == 0 || state == DownloadState::kChecking) continue;
    text += separator + std::string(download_state_name(state)) + " " + std::to_string(count);
    separator = ", ";
  }
  if (text.front() >= 'a') text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

}  // namespace piecework::peer
