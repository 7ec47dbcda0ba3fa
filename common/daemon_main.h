// What the main functions of the daemons share: the command line that both have, where the
// configuration comes from, and what the process exits with.
// Belongs to the main thread.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/config_file.h"
#include "common/daemon_files.h"
#include "common/exit_codes.h"
#include "common/shutdown_signal.h"

namespace piecework {

// Where the settings come from, at the start and after HUP.
struct ConfigSource {
  std::string path;
  ConfigSchema::Missing missing;
  std::vector<std::string> overrides;

  // Throws ConfigError, UsageError.
  void load(ConfigSchema& schema) const;
};

PathChoice path_choice(const ConfigSchema& schema, std::string_view key);

// A start that failed, and what the process exits with for that reason.
class StartError : public std::runtime_error {
 public:
  StartError(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Runs one step of the start; what the operating system refuses there ends in exit code `code`.
template <typename Step>
auto start_step(ExitCode code, Step step) {
  try {
    return step();
  } catch (const CreateError& error) {
    throw StartError(kExitCantCreate, error.what());
  } catch (const std::system_error& error) {
    throw StartError(code, error.what());
  }
}

struct DaemonProgram {
  std::string_view name;       // "peerd"
  std::string_view about;      // for --help
  const char* default_config;  // path of the file that need not be there
  ConfigSchema& schema;        // of the settings that `serve` runs with
  // Checks what the schema cannot, once it has been loaded from `source`. Throws ConfigError.
  std::function<void(const ConfigSource& source)> check;
  // Runs until it is told to stop; the configuration has been loaded from `source`.
  std::function<void(const ConfigSource& source, ShutdownSignals& signals)> serve;
};

// The rest of `serve`, once the settings are there: opens the log, starts a Daemon(config, reload),
// has it write its status file, and runs it. `reload` fills in a Config of defaults with what the
// files now say.
template <typename Daemon, typename Config>
void serve_daemon(std::string_view name, const Config& config, const ConfigSchema& schema,
                  std::function<void(Config&)> reload, ShutdownSignals& signals) {
  start_step(kExitCantCreate, [&] {
    open_daemon_log(name, config.log_file, path_choice(schema, "log.file"), config.log_level);
  });
  Daemon daemon = start_step(kExitUnavailable, [&] { return Daemon(config, std::move(reload)); });
  start_step(kExitCantCreate,
             [&] { daemon.create_status_file(name, path_choice(schema, "status_file")); });
  daemon.run(signals);
}

// The whole main function. Never throws.
int daemon_main(const DaemonProgram& program, int argc, char** argv);

}  // namespace piecework
