// peerctl keygen: makes a key to sign torrents with.
// For main's thread.
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// The exit code. `arguments` are those after the subcommand. Throws UsageError, CommandError.
int run_keygen(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
