// `peerctl get`: the download engine in the foreground, without a daemon.
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// Fetches what a torrent describes. Returns an exit code; throws as peerctl.cc expects.
int run_get(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
