#include "common/status_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iostream>
#include <system_error>
#include <utility>

#include "common/atomic_file.h"
#include "common/fields.h"
#include "common/log.h"

namespace piecework {
namespace {

constexpr mode_t kMode = 0644;

// By so many of its first bytes a file is known as one of ours: `{\n    "version":` of the status
// files, `# HELP piecework` of the metrics files. What follows depends on the daemon that wrote it.
constexpr std::size_t kMarkBytes = 16;

// An empty file is what a machine may have made of ours when it lost its power, since nobody waits
// for the disk here; and nothing is lost with it.
void require_ours(const std::string& path, std::string_view text) {
  const auto found = read_beginning(path, kMarkBytes);
  if (!found || found->empty() || *found == text.substr(0, kMarkBytes)) return;
  std::string what = "replace " + path + ", which is no file of this daemon's: it begins with ";
  append_escaped(what, *found);
  throw std::system_error(EEXIST, std::generic_category(), what);
}

}  // namespace

StatusFile::StatusFile(std::string path) : path_(std::move(path)) {}

StatusFile::~StatusFile() {
  remove();
}

StatusFile::StatusFile(StatusFile&& other) noexcept : StatusFile("") {
  swap(other);
}

StatusFile& StatusFile::operator=(StatusFile&& other) noexcept {
  StatusFile taken(std::move(other));
  swap(taken);
  return *this;
}

void StatusFile::create(std::string_view program, PathChoice choice, std::string_view text) {
  if (path_.empty()) return;
  try {
    make_parent_directories(path_);
    require_replaceable(path_);
    require_ours(path_, text);
    write(text, Clock::now());
  } catch (const std::system_error& error) {
    if (choice == PathChoice::kConfigured) throw;
    std::cerr << program << ": " << error.what() << "; going on without a status file\n";
    path_.clear();
  }
}

bool StatusFile::update(std::string_view text, TimePoint now) {
  if (path_.empty() || (text == written_ && confirm(now))) return true;
  try {
    write(text, now);
    failing_ = false;
    return true;
  } catch (const std::system_error& error) {
    if (!failing_) log_error("status.write_failed", {{"reason", error.what()}});
    failing_ = true;
    return false;
  }
}

bool StatusFile::confirm(TimePoint now) noexcept {
  if (path_.empty()) return true;
  if (!is_there_ || failing_) return false;
  if (now - written_at_ < kStatusRefresh) return true;
  if (::utimensat(AT_FDCWD, path_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) return false;
  written_at_ = now;
  return true;
}

void StatusFile::remove() noexcept {
  // What was never written may be somebody else's.
  if (std::exchange(is_there_, false)) ::unlink(path_.c_str());
}

void StatusFile::write(std::string_view text, TimePoint now) {
  write_file_atomically(path_, text, kMode, Durability::kCached);
  is_there_ = true;
  written_ = text;
  written_at_ = now;
}

void StatusFile::swap(StatusFile& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(written_, other.written_);
  std::swap(written_at_, other.written_at_);
  std::swap(is_there_, other.is_there_);
  std::swap(failing_, other.failing_);
}

}  // namespace piecework
