// peerctl verify: compares a file with its torrent.
// For main's thread.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec verify_spec();
// Says which pieces are bad; kExitData when there are any. Returns an exit code; throws as
// peerctl.cc expects.
int run_verify(const CommandLine& line);

}  // namespace piecework::peer::peerctl
