#include "common/output_paths.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/daemon_files.h"

namespace piecework {
namespace {

struct Output {
  std::string_view key;  // empty: the configuration
  std::string path;      // canonical
};

bool holds_no_data(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  return std::filesystem::exists(status) && std::filesystem::is_other(status);
}

// What was set is to blame, rather than a default.
[[noreturn]] void refuse_same(const ConfigSchema& keys, const Output& first, const Output& second) {
  if (first.key.empty()) keys.refuse(second.key, "is the configuration file itself");
  const bool blame_first = keys.is_set(first.key) && !keys.is_set(second.key);
  const Output& blamed = blame_first ? first : second;
  const Output& other = blame_first ? second : first;
  keys.refuse(blamed.key, "is the same file as " + std::string(other.key));
}

}  // namespace

void check_outputs(const ConfigSchema& keys, const OutputPaths& paths) {
  std::vector<Output> seen;
  for (const auto& [key, path] : {Output{"", paths.configuration},
                                  Output{"log.file", paths.log},
                                  {"status_file", paths.status},
                                  {"metrics_file", paths.metrics}}) {
    if (path.empty() || path == "-" || holds_no_data(path)) continue;
    const Output output{key, canonical_path(path)};
    for (const Output& other : seen) {
      if (other.path == output.path) refuse_same(keys, other, output);
    }
    seen.push_back(output);
  }
}

}  // namespace piecework
