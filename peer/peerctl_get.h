// `peerctl get`: the download engine in the foreground, without a daemon.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec get_spec();
// Fetches what a torrent describes. Returns an exit code; throws as peerctl.cc expects.
int run_get(const CommandLine& line);

}  // namespace piecework::peer::peerctl
