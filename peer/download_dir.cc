#include "peer/download_dir.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>
#include <set>

#include "common/daemon_files.h"
#include "common/socket.h"

namespace piecework::peer {

namespace {

constexpr mode_t kReadBits = 0444;
constexpr mode_t kExecuteBits = 0111;

// Whoever may read it may run it, or look into it.
mode_t with_execute(mode_t mode) {
  return mode | ((mode & kReadBits) >> 2);
}

}  // namespace

DownloadDir::DownloadDir(const std::string& path, Ownership ownership)
    : path_(path), ownership_(ownership) {
  make_directories(path_);
  directory_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid()) throw_errno("open " + path_);
}

DownloadDir::DownloadDir(UniqueFd directory, std::string path, Ownership ownership)
    : path_(std::move(path)), ownership_(ownership), directory_(std::move(directory)) {}

UniqueFd DownloadDir::open_existing(const std::string& name, int flags) const {
  // O_NONBLOCK: a FIFO put there must not hold us up.
  UniqueFd file = open_beneath(name, flags | O_NONBLOCK, 0);
  if (!file.valid()) {
    if (errno == ENOENT) return file;
    throw_errno("open " + path_of(name));
  }
  struct stat status;
  if (::fstat(file.get(), &status) < 0) throw_errno("stat " + path_of(name));
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    throw_errno(path_of(name) + " is not a regular file");
  }
  return file;
}

UniqueFd DownloadDir::create(const std::string& name, bool executable) const {
  const mode_t mode = executable ? with_execute(ownership_.file_mode) : ownership_.file_mode;
  UniqueFd file = open_beneath(name, O_RDWR | O_CREAT | O_EXCL, mode);
  if (!file.valid()) throw_errno("create " + path_of(name));
  try {
    take_ownership(file.get(), name, mode);
  } catch (const std::system_error&) {
    ::unlinkat(directory_.get(), name.c_str(), 0);
    throw;
  }
  return file;
}

// The mode is what the operator wrote, whatever the umask.
void DownloadDir::take_ownership(int file, const std::string& name, mode_t mode) const {
  if (::fchmod(file, mode) < 0) throw_errno("chmod " + path_of(name));
  if (ownership_.group && ::fchown(file, static_cast<uid_t>(-1), *ownership_.group) < 0) {
    throw_errno("chown " + path_of(name));
  }
}

void DownloadDir::set_executable(int file, const std::string& name, bool executable) const {
  struct stat status;
  if (::fstat(file, &status) < 0) throw_errno("stat " + path_of(name));
  if (((status.st_mode & S_IXUSR) != 0) == executable) return;
  const mode_t mode = status.st_mode & 07777;
  if (::fchmod(file, executable ? with_execute(mode) : mode & ~kExecuteBits) < 0) {
    throw_errno("chmod " + path_of(name));
  }
}

std::optional<FileMark> DownloadDir::mark_of(const std::string& name) const {
  const UniqueFd file = open_beneath(name, O_PATH, 0);
  if (!file.valid()) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
    throw_errno("open " + path_of(name));
  }
  struct stat status;
  if (::fstat(file.get(), &status) < 0) throw_errno("stat " + path_of(name));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return FileMark::of(file.get(), path_of(name));
}

std::unique_ptr<DownloadDir> DownloadDir::open_directory(const std::string& name) const {
  UniqueFd directory = open_beneath(name, O_RDONLY | O_DIRECTORY, 0);
  if (!directory.valid()) {
    if (errno == ENOENT) return nullptr;
    throw_errno("open the directory " + path_of(name));
  }
  return std::unique_ptr<DownloadDir>(
      new DownloadDir(std::move(directory), path_of(name), ownership_));
}

void DownloadDir::make_directory(const std::string& name) const {
  const std::size_t slash = name.rfind('/');
  UniqueFd above;
  if (slash != std::string::npos) {
    above = open_beneath(name.substr(0, slash), O_RDONLY | O_DIRECTORY, 0);
    if (!above.valid()) throw_errno("open the directory " + path_of(name.substr(0, slash)));
  }
  const int parent = above.valid() ? above.get() : directory_.get();
  const std::string last = slash == std::string::npos ? name : name.substr(slash + 1);
  const bool made = ::mkdirat(parent, last.c_str(), S_IRWXU) == 0;
  if (!made && errno != EEXIST) throw_errno("make " + path_of(name));
  const UniqueFd directory = open_beneath(name, O_RDONLY | O_DIRECTORY, 0);
  if (!directory.valid()) throw_errno("open the directory " + path_of(name));
  if (!made) return;
  struct stat status;
  if (::fstat(directory.get(), &status) < 0) throw_errno("stat " + path_of(name));
  // Where directories hand their group down, they go on doing so.
  const mode_t inherited = status.st_mode & S_ISGID;
  take_ownership(directory.get(), name,
                 inherited | S_IRWXU | with_execute(ownership_.file_mode & 0777));
}

bool DownloadDir::is_same_directory(const DownloadDir& other) const {
  struct stat a;
  struct stat b;
  if (::fstat(directory_.get(), &a) < 0) throw_errno("stat " + path_);
  if (::fstat(other.directory_.get(), &b) < 0) throw_errno("stat " + other.path_);
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void DownloadDir::sync_all() const {
  if (::syncfs(directory_.get()) < 0) throw_errno("sync " + path_);
}

void DownloadDir::rename(const std::string& from, const std::string& to) const {
  int result =
      ::renameat2(directory_.get(), from.c_str(), directory_.get(), to.c_str(), RENAME_NOREPLACE);
  if (result < 0 && errno == EINVAL) {  // a file system without that flag
    result = ::linkat(directory_.get(), from.c_str(), directory_.get(), to.c_str(), 0);
    if (result == 0) {
      result = ::unlinkat(directory_.get(), from.c_str(), 0);
    } else if (errno == EPERM) {  // a directory; onto one with something in it, it does not go
      result = ::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str());
    }
  }
  if (result < 0) throw_errno("rename " + path_of(from) + " to " + to);
  if (::fsync(directory_.get()) < 0) throw_errno("sync " + path_);
}

bool DownloadDir::exists(const std::string& name) const {
  struct stat status;
  return ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ||
         errno != ENOENT;
}

void DownloadDir::remove(const std::string& name) const {
  if (::unlinkat(directory_.get(), name.c_str(), 0) < 0) throw_errno("remove " + path_of(name));
  if (::fsync(directory_.get()) < 0) throw_errno("sync " + path_);
}

void DownloadDir::remove_directory(const std::string& name) const {
  if (!unlink_beneath(name, AT_REMOVEDIR)) throw_errno("remove " + path_of(name));
  if (::fsync(directory_.get()) < 0) throw_errno("sync " + path_);
}

void DownloadDir::remove_below(const std::vector<std::string>& paths) const {
  std::set<std::string> directories;
  for (const std::string& path : paths) {
    if (!unlink_beneath(path, 0) && errno != ENOENT) throw_errno("remove " + path_of(path));
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      if (!directories.insert(path.substr(0, slash)).second) break;
    }
  }
  // Backwards, what is in a directory comes before it.
  for (auto name = directories.rbegin(); name != directories.rend(); ++name) {
    if (unlink_beneath(*name, AT_REMOVEDIR)) continue;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT) {
      throw_errno("remove " + path_of(*name));
    }
  }
}

bool DownloadDir::unlink_beneath(const std::string& path, int flags) const {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ::unlinkat(directory_.get(), path.c_str(), flags) == 0;
  const UniqueFd above = open_beneath(path.substr(0, slash), O_PATH | O_DIRECTORY, 0);
  return above.valid() && ::unlinkat(above.get(), path.c_str() + slash + 1, flags) == 0;
}

std::uint64_t DownloadDir::free_bytes() const {
  struct statvfs status;
  if (::fstatvfs(directory_.get(), &status) < 0) throw_errno("statvfs " + path_);
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

UniqueFd DownloadDir::open_beneath(const std::string& name, int flags, mode_t mode) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, directory_.get(), name.c_str(), &how, sizeof how)));
}

}  // namespace piecework::peer
