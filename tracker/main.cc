// trackerd: its settings, wired to the daemon.
#include "common/daemon_main.h"
#include "tracker/tracker_config.h"
#include "tracker/tracker_daemon.h"

namespace piecework::tracker {
namespace {

void serve(const TrackerConfig& config, const ConfigSchema& schema, const ConfigSource& source,
           ShutdownSignals& signals) {
  const auto reload = [&source](TrackerConfig& fresh) {
    ConfigSchema fresh_schema = tracker_schema(fresh);
    source.load(fresh_schema);
    check_settings(fresh, fresh_schema, source.path);
  };
  serve_daemon<TrackerDaemon, TrackerConfig>("trackerd", config, schema, reload, signals);
}

}  // namespace
}  // namespace piecework::tracker

int main(int argc, char** argv) {
  using namespace piecework;
  tracker::TrackerConfig config;
  ConfigSchema schema = tracker::tracker_schema(config);
  const DaemonProgram program{
      .name = "trackerd",
      .about =
          "Keeps who is in which swarm. Runs in the foreground until TERM or INT; HUP reads the\n"
          "configuration again, USR1 reopens the log.",
      .default_config = "/etc/piecework/trackerd.yaml",
      .schema = schema,
      .check =
          [&](const ConfigSource& source) { tracker::check_settings(config, schema, source.path); },
      .serve = [&](const ConfigSource& source,
                   ShutdownSignals& signals) { tracker::serve(config, schema, source, signals); }};
  return daemon_main(program, argc, argv);
}
