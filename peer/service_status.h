// What peerd is doing in one line, for the service manager (STATUS= of sd_notify(3)).
// Pure.
#pragma once

#include <string>
#include <vector>

#include "peer/download_status.h"

namespace piecework::peer {

// "Checking 3 of 120 torrents, 45%; downloading 2, seeding 115": how many are being checked or wait
// for it and how much of those has been read, then how many are in each other state that any is in.
std::string service_status(const std::vector<DownloadStatus>& torrents);

}  // namespace piecework::peer
