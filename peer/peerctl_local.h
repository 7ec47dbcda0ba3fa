// The peerd of this host, for the subcommands that have to do with it: where its configuration says
// that things are, and whether it runs.
// For main's thread.
#pragma once

#include <cstdint>

#include "common/command_line.h"
#include "peer/node_status.h"
#include "peer/peer_config.h"

namespace piecework::peer::peerctl {

// A status file is no longer than that.
inline constexpr std::uint64_t kMaxStatusBytes = 64 << 20;

// What --config FILE says, or the usual file if there is one. Throws ConfigError.
PeerConfig load_peerd_config(const CommandLine& line);

// Does the daemon that has written this run no more? It removes its status file when it stops; one
// that was killed could not, and its number may be another process's by now.
bool is_gone(const NodeStatus& status);

}  // namespace piecework::peer::peerctl
