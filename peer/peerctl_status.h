// `peerctl status`: what the local peerd is doing, from its status file.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec status_spec();
// Prints it once, or again and again. Returns an exit code; throws as peerctl.cc expects.
int run_status(const CommandLine& line);

}  // namespace piecework::peer::peerctl
