// `peerctl serve`: the sending half of the C/S pair (PROTOCOL.md section 2).
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec serve_spec();
// Sends the file to everyone who connects, until TERM or INT. Returns an exit code; throws as
// peerctl.cc expects.
int run_serve(const CommandLine& line);

}  // namespace piecework::peer::peerctl
