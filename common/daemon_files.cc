#include "common/daemon_files.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "common/unique_fd.h"

namespace piecework {
namespace {

constexpr rlim_t kMostDescriptorsKept = 1024;

}  // namespace

void make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw CreateError(error, "create directory " + path);
}

void make_parent_directories(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) make_directories(parent.string());
}

std::string canonical_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  auto found = std::filesystem::weakly_canonical(absolute, error);
  if (error) found = absolute.lexically_normal();
  const bool slash_at_end = !found.has_filename() && found.has_relative_path();
  return (slash_at_end ? found.parent_path() : found).string();
}

void open_daemon_log(std::string_view program, const std::string& path, PathChoice choice,
                     LogLevel level) {
  try {
    make_parent_directories(path);
    log_open(path, level);
  } catch (const std::system_error& error) {
    if (choice == PathChoice::kConfigured) throw;
    std::cerr << program << ": " << error.what() << "; logging to stderr\n";
    log_open("-", level);
  }
}

// The kernel gives the lowest number that is free.
bool descriptors_run_short() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const UniqueFd next(::open("/", O_PATH | O_CLOEXEC));
  if (!next.valid()) return errno == EMFILE || errno == ENFILE;
  const rlim_t kept = std::min(limit.rlim_cur / 4, kMostDescriptorsKept);
  return static_cast<rlim_t>(next.get()) >= limit.rlim_cur - kept;
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace piecework
