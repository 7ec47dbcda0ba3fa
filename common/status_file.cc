#include "common/status_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <system_error>
#include <utility>

#include "common/atomic_file.h"
#include "common/log.h"

namespace piecework {
namespace {

constexpr mode_t kMode = 0644;

}  // namespace

StatusFile::StatusFile(std::string path) : path_(std::move(path)) {}

void StatusFile::create(std::string_view program, PathChoice choice, std::string_view text) {
  if (path_.empty()) return;
  try {
    make_parent_directories(path_);
    write_file_atomically(path_, text, kMode, Durability::kCached);
    written_ = text;
  } catch (const std::system_error& error) {
    if (choice == PathChoice::kConfigured) throw;
    std::cerr << program << ": " << error.what() << "; going on without a status file\n";
    path_.clear();
  }
}

void StatusFile::update(std::string_view text) {
  if (path_.empty() || text == written_) return;
  try {
    write_file_atomically(path_, text, kMode, Durability::kCached);
    written_ = text;
    failing_ = false;
  } catch (const std::system_error& error) {
    if (!failing_) log_error("status.write_failed", {{"reason", error.what()}});
    failing_ = true;
  }
}

void StatusFile::remove() noexcept {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace piecework
