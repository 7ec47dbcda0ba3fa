#include "common/daemon_main.h"

#include <exception>
#include <iostream>

#include "common/command_line.h"
#include "common/errors.h"
#include "common/threads.h"
#include "common/version.h"

namespace piecework {
namespace {

CommandSpec command_spec(const DaemonProgram& program) {
  return {.name = program.name,
          .usage = "[--config FILE] [--set KEY=VALUE]…",
          .about = program.about,
          .positionals = {},
          .required_positionals = 0,
          .options = {
              {"--config", "FILE", "read this file instead of the default one"},
              {"--set", "KEY=VALUE", "set one key, whatever the file says; a list is A,B", true},
              {"--test-config", "", "check the configuration and exit"},
              {"--dump-config", "", "print the configuration in force and exit"},
              {"--version", "", "print the version and exit"},
          }};
}

ConfigSource config_source(const DaemonProgram& program, const CommandLine& line) {
  const auto named = line.value("--config");
  return {.path = named.value_or(program.default_config),
          .missing = named ? ConfigSchema::Missing::kIsAnError : ConfigSchema::Missing::kIsFine,
          .overrides = line.values("--set")};
}

int print(const std::string& text) {
  std::cout << text << std::flush;
  return std::cout ? kExitOk : kExitIo;
}

int run(const DaemonProgram& program, const std::vector<std::string>& arguments,
        ShutdownSignals& signals) {
  const CommandSpec spec = command_spec(program);
  const CommandLine line = CommandLine::parse(spec, arguments);
  if (line.help()) {
    return print(help_text(spec));
  }
  if (line.has("--version")) {
    return print(std::string(program.name) + " " + std::string(kVersion) + "\n");
  }
  const ConfigSource source = config_source(program, line);
  source.load(program.schema);
  program.check(source);
  if (line.has("--dump-config")) {
    return print(program.schema.dump());
  }
  if (line.has("--test-config")) {
    std::cerr << program.name << ": the configuration is fine\n";
    return kExitOk;
  }
  raise_descriptor_limit();
  program.serve(source, signals);
  return kExitOk;
}

int fail(const DaemonProgram& program, ExitCode code, std::string_view what) {
  std::cerr << program.name << ": " << what << '\n';
  return code;
}

}  // namespace

void ConfigSource::load(ConfigSchema& schema) const {
  schema.load(path, missing);
  for (const std::string& assignment : overrides) schema.apply_override(assignment);
}

PathChoice path_choice(const ConfigSchema& schema, std::string_view key) {
  return schema.is_set(key) ? PathChoice::kConfigured : PathChoice::kDefault;
}

int daemon_main(const DaemonProgram& program, int argc, char** argv) {
  ShutdownSignals signals;
  set_thread_stack_size();
  try {
    return run(program, argument_strings(argc, argv), signals);
  } catch (const UsageError& error) {
    return fail(program, kExitUsage, error.what() + std::string("; see --help"));
  } catch (const ConfigError& error) {
    // The message begins with FILE:LINE:COL, as editors and scripts look for it.
    std::cerr << error.what() << '\n';
    return kExitConfig;
  } catch (const StartError& error) {
    return fail(program, error.code(), error.what());
  } catch (const std::exception& error) {
    return fail(program, kExitSoftware, error.what());
  }
}

}  // namespace piecework
