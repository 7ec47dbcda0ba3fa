#include "tests/support/loopback_options.h"

namespace piecework::peer {

PeerServer::Options loopback_options(const TempDir& directory) {
  PeerServer::Options options;
  options.listen = {*Endpoint::parse("127.0.0.1:0")};
  options.download_dir = directory.file("downloads");
  options.state_dir = directory.file("state");
  return options;
}

}  // namespace piecework::peer
