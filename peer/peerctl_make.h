// peerctl make: makes the torrent of a file.
// For main's thread.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec make_spec();
// Writes the torrent. Returns an exit code; throws as peerctl.cc expects.
int run_make(const CommandLine& line);

}  // namespace piecework::peer::peerctl
