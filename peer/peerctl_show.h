// peerctl show: prints what a torrent says.
// For main's thread.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec show_spec();
// Prints it. Returns an exit code; throws as peerctl.cc expects.
int run_show(const CommandLine& line);

}  // namespace piecework::peer::peerctl
