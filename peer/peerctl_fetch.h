// `peerctl fetch`: the receiving half of the C/S pair (PROTOCOL.md section 2).
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// Receives the file that a server sends. Returns an exit code; throws as peerctl.cc expects.
int run_fetch(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
