// `peerctl fetch`: the receiving half of the C/S pair (PROTOCOL.md section 2).
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec fetch_spec();
// Receives the file that a server sends. Returns an exit code; throws as peerctl.cc expects.
int run_fetch(const CommandLine& line);

}  // namespace piecework::peer::peerctl
