// `peerctl serve`: the sending half of the C/S pair (PROTOCOL.md section 2).
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// Sends the file to everyone who connects, until TERM or INT. Returns an exit code; throws as
// peerctl.cc expects.
int run_serve(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
