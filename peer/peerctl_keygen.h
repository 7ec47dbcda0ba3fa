// peerctl keygen: makes a key to sign torrents with.
// For main's thread.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec keygen_spec();
// Writes NAME and NAME.pub. Returns an exit code; throws as peerctl.cc expects.
int run_keygen(const CommandLine& line);

}  // namespace piecework::peer::peerctl
