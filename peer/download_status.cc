#include "peer/download_status.h"

namespace piecework::peer {

std::string_view download_state_name(DownloadState state) {
  switch (state) {
    case DownloadState::kChecking: return "checking";
    case DownloadState::kDownloading: return "downloading";
    case DownloadState::kSeeding: return "seeding";
    case DownloadState::kPaused: return "paused";
    case DownloadState::kFinished: return "finished";
    case DownloadState::kRemoved: return "removed";
    case DownloadState::kError: return "error";
  }
  return "unknown";
}

}  // namespace piecework::peer
