// The files that a daemon writes, judged before it does.
// Pure functions but for looking at what is there; safe from any thread.
#pragma once

#include <string>

#include "common/config_file.h"

namespace piecework {

struct OutputPaths {
  std::string configuration;  // which is only read
  std::string log;            // the keys log.file, status_file and metrics_file; empty or "-": none
  std::string status;
  std::string metrics;
};

// Throws ConfigError, as `keys.refuse()` does, when two of them are one file, by whatever names:
// the one would be written over the other, and removed with it. One that is there and no regular
// file, such as /dev/null, may stand there twice.
void check_outputs(const ConfigSchema& keys, const OutputPaths& paths);

}  // namespace piecework
