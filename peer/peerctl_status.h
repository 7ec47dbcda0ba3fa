// `peerctl status`: what the local peerd is doing, from its status file.
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// Prints it once, or again and again. Returns an exit code; throws as peerctl.cc expects.
int run_status(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
