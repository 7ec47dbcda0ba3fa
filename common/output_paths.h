// The files and directories that a daemon writes, judged before it does.
// Pure functions but for looking at what is there; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config_file.h"

namespace piecework {

struct OutputPaths {
  std::string configuration;  // which is only read
  std::string log;            // of the key log.file; "-": none
  std::string status;         // status_file and metrics_file; empty: none
  std::string metrics;
};

// Throws ConfigError, as `keys.refuse()` does, when two of them are one file, by whatever names:
// the one would be written over the other, and removed with it. But a log may go to something that
// is no regular file, such as /dev/null, whatever else does. Nor may one that was set be a
// directory, or the last two anything but a regular file, as far as they exist.
void check_outputs(const ConfigSchema& keys, const OutputPaths& paths);

struct NamedPath {
  std::string_view key;
  std::string path;
};

// Likewise when two directories are the same.
void check_directories(const ConfigSchema& keys, const std::vector<NamedPath>& directories);

}  // namespace piecework
