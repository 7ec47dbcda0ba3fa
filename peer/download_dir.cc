#include "peer/download_dir.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>

#include "common/daemon_files.h"
#include "common/socket.h"

namespace piecework::peer {

DownloadDir::DownloadDir(const std::string& path, Ownership ownership)
    : path_(path), ownership_(ownership) {
  make_directories(path_);
  directory_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid()) throw_errno("open " + path_);
}

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

UniqueFd DownloadDir::create(const std::string& name) const {
  UniqueFd file = open_beneath(name, O_RDWR | O_CREAT | O_EXCL, ownership_.file_mode);
  if (!file.valid()) throw_errno("create " + path_of(name));
  try {
    take_ownership(file.get(), name);
  } catch (const std::system_error&) {
    ::unlinkat(directory_.get(), name.c_str(), 0);
    throw;
  }
  return file;
}

// The mode is what the operator wrote, whatever the umask.
void DownloadDir::take_ownership(int file, const std::string& name) const {
  if (::fchmod(file, ownership_.file_mode) < 0) throw_errno("chmod " + path_of(name));
  if (ownership_.group && ::fchown(file, static_cast<uid_t>(-1), *ownership_.group) < 0) {
    throw_errno("chown " + path_of(name));
  }
}

void DownloadDir::rename(const std::string& from, const std::string& to) const {
  int result =
      ::renameat2(directory_.get(), from.c_str(), directory_.get(), to.c_str(), RENAME_NOREPLACE);
  if (result < 0 && errno == EINVAL) {  // a file system without that flag
    result = ::linkat(directory_.get(), from.c_str(), directory_.get(), to.c_str(), 0);
    if (result == 0) result = ::unlinkat(directory_.get(), from.c_str(), 0);
  }
  if (result < 0) throw_errno("rename " + path_of(from) + " to " + to);
  if (::fsync(directory_.get()) < 0) throw_errno("sync " + path_);
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
