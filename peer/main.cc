// peerd: its settings, wired to the daemon.
#include "common/daemon_main.h"
#include "peer/peer_config.h"
#include "peer/peer_daemon.h"

namespace piecework::peer {
namespace {

void serve(const PeerConfig& config, const ConfigSchema& schema, const ConfigSource& source,
           ShutdownSignals& signals) {
  const auto reload = [&source](PeerConfig& fresh) {
    ConfigSchema fresh_schema = peer_schema(fresh);
    source.load(fresh_schema);
    check_settings(fresh, fresh_schema, source.path);
  };
  serve_daemon<PeerDaemon, PeerConfig>("peerd", config, schema, reload, signals);
}

}  // namespace
}  // namespace piecework::peer

int main(int argc, char** argv) {
  using namespace piecework;
  peer::PeerConfig config;
  ConfigSchema schema = peer::peer_schema(config);
  const DaemonProgram program{
      .name = "peerd",
      .about =
          "Fetches and seeds the torrents in its watched directory. Runs in the foreground until\n"
          "TERM or INT; HUP reads the configuration again, USR1 reopens the log.",
      .default_config = peer::kDefaultPeerConfig,
      .schema = schema,
      .check =
          [&](const ConfigSource& source) { peer::check_settings(config, schema, source.path); },
      .serve = [&](const ConfigSource& source,
                   ShutdownSignals& signals) { peer::serve(config, schema, source, signals); }};
  return daemon_main(program, argc, argv);
}
