#include "common/output_paths.h"

#include <filesystem>
#include <system_error>

#include "common/daemon_files.h"

namespace piecework {
namespace {

constexpr std::string_view kConfiguration;  // empty: it has no key

std::filesystem::file_status status_of(const std::string& path) {
  std::error_code error;
  return std::filesystem::status(path, error);
}

bool is_no_regular_file(const std::string& path) {
  const auto status = status_of(path);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

// What was set is to blame, rather than a default.
[[noreturn]] void refuse_same(const ConfigSchema& keys, std::string_view first,
                              std::string_view second, const std::string& kind) {
  if (first == kConfiguration) keys.refuse(second, "is the configuration file itself");
  const bool blame_first = keys.is_set(first) && !keys.is_set(second);
  const std::string_view other = blame_first ? second : first;
  keys.refuse(blame_first ? first : second, "is the same " + kind + " as " + std::string(other));
}

void require_different(const ConfigSchema& keys, const std::vector<NamedPath>& paths,
                       const std::string& kind) {
  std::vector<NamedPath> seen;
  for (const auto& [key, path] : paths) {
    const NamedPath canonical{key, canonical_path(path)};
    for (const NamedPath& other : seen) {
      if (other.path == canonical.path) refuse_same(keys, other.key, key, kind);
    }
    seen.push_back(canonical);
  }
}

}  // namespace

void check_outputs(const ConfigSchema& keys, const OutputPaths& paths) {
  std::vector<NamedPath> files{{kConfiguration, paths.configuration}};
  if (paths.log != "-") {
    if (keys.is_set("log.file") && std::filesystem::is_directory(status_of(paths.log))) {
      keys.refuse("log.file", "is a directory");
    }
    if (!is_no_regular_file(paths.log)) files.push_back({"log.file", paths.log});
  }
  for (const auto& [key, path] :
       {NamedPath{"status_file", paths.status}, {"metrics_file", paths.metrics}}) {
    if (path.empty()) continue;
    if (keys.is_set(key) && is_no_regular_file(path)) {
      const bool directory = std::filesystem::is_directory(status_of(path));
      keys.refuse(key, directory ? "is a directory" : "is no regular file");
    }
    files.push_back({key, path});
  }
  require_different(keys, files, "file");
}

void check_directories(const ConfigSchema& keys, const std::vector<NamedPath>& directories) {
  require_different(keys, directories, "directory");
}

}  // namespace piecework
