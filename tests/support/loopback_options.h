// A peer server on a free loopback port, for a test.
// Pure function; safe from any thread.
#pragma once

#include "peer/peer_server.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {

// Its directories are `downloads` and `state` in `directory`.
PeerServer::Options loopback_options(const TempDir& directory);

}  // namespace piecework::peer
