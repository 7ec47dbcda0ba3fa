// What peerd is doing, as the JSON of its status file, and the same read back (its schema stands in
// README.md).
// Stateless functions.
#pragma once

#include <string>
#include <vector>

#include "common/endpoint.h"
#include "peer/download_status.h"

namespace piecework::peer {

struct NodeStatus {
  std::string version;
  std::int64_t pid = 0;
  std::vector<std::string> listening;
  std::size_t connections = 0;
  std::uint64_t denied = 0;  // connections, since the start
  std::vector<DownloadStatus> torrents;
  bool operator==(const NodeStatus&) const = default;
};

std::string format_status(const NodeStatus& status);

// Throws JsonError when `text` is not what format_status() writes.
NodeStatus parse_status(const std::string& text);

// Seconds until complete at the present rate; 0 when that is not known.
std::uint64_t eta_seconds(const DownloadStatus& status);

}  // namespace piecework::peer
