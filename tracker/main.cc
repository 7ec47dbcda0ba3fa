// trackerd: the command line, the configuration, and what the process exits with.
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/command_line.h"
#include "common/config_file.h"
#include "common/daemon_files.h"
#include "common/errors.h"
#include "common/exit_codes.h"
#include "common/shutdown_signal.h"
#include "common/threads.h"
#include "common/version.h"
#include "tracker/tracker_config.h"
#include "tracker/tracker_daemon.h"

namespace piecework::tracker {
namespace {

constexpr std::string_view kProgram = "trackerd";
constexpr const char* kDefaultConfig = "/etc/piecework/trackerd.yaml";

const CommandSpec& command_spec() {
  static const CommandSpec spec{
      .name = kProgram,
      .usage = "[--config FILE] [--set KEY=VALUE]…",
      .about =
          "Keeps who is in which swarm. Runs in the foreground until TERM or INT; HUP reads the\n"
          "configuration again, USR1 reopens the log.",
      .positionals = {},
      .required_positionals = 0,
      .options = {
          {"--config", "FILE", "read this file (default: /etc/piecework/trackerd.yaml)"},
          {"--set", "KEY=VALUE", "set one key, whatever the file says; a list is A,B", true},
          {"--test-config", "", "check the configuration and exit"},
          {"--dump-config", "", "print the configuration in force and exit"},
          {"--version", "", "print the version and exit"},
      }};
  return spec;
}

// Where the settings come from, at the start and after HUP.
struct ConfigSource {
  std::string path;
  ConfigSchema::Missing missing;
  std::vector<std::string> overrides;

  void load(ConfigSchema& schema) const {
    schema.load(path, missing);
    for (const std::string& assignment : overrides) schema.apply_override(assignment);
  }
};

ConfigSource config_source(const CommandLine& line) {
  const auto named = line.value("--config");
  return {.path = named.value_or(kDefaultConfig),
          .missing = named ? ConfigSchema::Missing::kIsAnError : ConfigSchema::Missing::kIsFine,
          .overrides = line.values("--set")};
}

PathChoice choice_of(const ConfigSchema& schema, std::string_view key) {
  return schema.is_set(key) ? PathChoice::kConfigured : PathChoice::kDefault;
}

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
  } catch (const std::system_error& error) {
    throw StartError(code, error.what());
  }
}

int serve(const ConfigSource& source, const TrackerConfig& config, const ConfigSchema& schema,
          ShutdownSignals& signals) {
  const auto reload = [&source](TrackerConfig& fresh) {
    ConfigSchema fresh_schema = tracker_schema(fresh);
    source.load(fresh_schema);
  };
  start_step(kExitCantCreate, [&] {
    open_daemon_log(kProgram, config.log_file, choice_of(schema, "log.file"), config.log_level);
  });
  TrackerDaemon daemon =
      start_step(kExitUnavailable, [&] { return TrackerDaemon(config, reload); });
  start_step(kExitCantCreate,
             [&] { daemon.create_status_file(kProgram, choice_of(schema, "status_file")); });
  daemon.run(signals);
  return kExitOk;
}

int run(const std::vector<std::string>& arguments, ShutdownSignals& signals) {
  const CommandLine line = CommandLine::parse(command_spec(), arguments);
  if (line.help()) {
    std::cout << help_text(command_spec());
    return kExitOk;
  }
  if (line.has("--version")) {
    std::cout << kProgram << ' ' << kVersion << '\n';
    return kExitOk;
  }
  const ConfigSource source = config_source(line);
  TrackerConfig config;
  ConfigSchema schema = tracker_schema(config);
  source.load(schema);
  if (line.has("--dump-config")) {
    std::cout << schema.dump();
    return kExitOk;
  }
  if (line.has("--test-config")) {
    std::cerr << kProgram << ": the configuration is fine\n";
    return kExitOk;
  }
  raise_descriptor_limit();
  return serve(source, config, schema, signals);
}

int fail(ExitCode code, std::string_view what) {
  std::cerr << kProgram << ": " << what << '\n';
  return code;
}

}  // namespace

int main_with(const std::vector<std::string>& arguments) {
  ShutdownSignals signals;
  set_thread_stack_size();
  try {
    return run(arguments, signals);
  } catch (const UsageError& error) {
    return fail(kExitUsage, error.what() + std::string("; see --help"));
  } catch (const ConfigError& error) {
    // The message begins with FILE:LINE:COL, as editors and scripts look for it.
    std::cerr << error.what() << '\n';
    return kExitConfig;
  } catch (const StartError& error) {
    return fail(error.code(), error.what());
  } catch (const std::exception& error) {
    return fail(kExitSoftware, error.what());
  }
}

}  // namespace piecework::tracker

int main(int argc, char** argv) {
  return piecework::tracker::main_with(piecework::argument_strings(argc, argv));
}
