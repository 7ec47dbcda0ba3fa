// Records in which order a daemon changes and syncs what lies below a directory, so that it can be
// seen what a power failure at any moment would leave (tests/support/power_loss.py).
//
//   JOURNAL=FILE       where to; added to what is there
//   JOURNAL_ROOT=DIR   which directory, an absolute path without symbolic links
//
// A record is a line of words and, of a write, the bytes that it names. INODE and MTIME
// (nanoseconds) are those of the file after the call, MODE is a decimal number, and paths are
// relative to the root and without blanks:
//
//   create INODE MTIME PATH           size INODE MTIME LENGTH
//   write INODE MTIME OFFSET LENGTH   mode INODE MTIME MODE
//   sync INODE MTIME                  make_directory PATH
//   sync_directory PATH               sync_all (of the file system: syncfs(2))
//   rename FROM TO                    unlink PATH (also of a directory)
//
// Only calls that succeeded are recorded. Each is made and recorded with nobody in between, so that
// what one record says had happened when the next did.
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/preload/preload.h"

namespace {

using piecework::preload::append;

// Held while a call is made and recorded. Never in a function that calls another one of here.
class OneAtATime {
 public:
  OneAtATime() { ::pthread_mutex_lock(&mutex_); }
  ~OneAtATime() { ::pthread_mutex_unlock(&mutex_); }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

 private:
  static inline pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

const std::string& root() {
  static const char* const set = std::getenv("JOURNAL_ROOT");
  static const std::string& path = *new std::string(set != nullptr ? set : "/nowhere");
  return path;
}

void record(const std::string& text) {
  static const char* const path = std::getenv("JOURNAL");
  const int before = errno;
  if (path != nullptr) append(path, text.data(), text.size());
  errno = before;
}

// Relative to the root, if it lies below.
std::optional<std::string> below(const std::string& path) {
  if (!path.starts_with(root() + "/")) return std::nullopt;
  return path.substr(root().size() + 1);
}

std::optional<std::string> path_of(int fd) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return std::nullopt;
  return below(std::string(path.data(), static_cast<std::size_t>(length)));
}

int descriptor(long argument) {
  return static_cast<int>(argument);
}

// Of a name in an open directory, which is not asked when the name is absolute.
std::optional<std::string> path_in(long directory_fd, long name_argument) {
  const char* const name = reinterpret_cast<const char*>(name_argument);
  if (name[0] == '/') return below(name);
  const auto directory = path_of(descriptor(directory_fd));
  if (!directory) return std::nullopt;
  return *directory + "/" + name;
}

struct stat status_of(int fd) {
  struct stat status {};
  ::fstat(fd, &status);
  return status;
}

std::string inode_and_mtime(int fd) {
  const struct stat status = status_of(fd);
  const long long mtime =
      static_cast<long long>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
  return std::to_string(status.st_ino) + " " + std::to_string(mtime);
}

void record_create(long fd) {
  if (const auto path = path_of(descriptor(fd))) {
    record("create " + inode_and_mtime(descriptor(fd)) + " " + *path + "\n");
  }
}

void record_write(int fd, long data, long length, long offset) {
  if (length <= 0 || !path_of(fd)) return;
  std::string text = "write " + inode_and_mtime(fd) + " " + std::to_string(offset) + " " +
                     std::to_string(length) + "\n";
  text.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
  record(text);
}

void record_size(int fd) {
  if (!path_of(fd)) return;
  record("size " + inode_and_mtime(fd) + " " + std::to_string(status_of(fd).st_size) + "\n");
}

// Of a file; what may be done with a directory is of no consequence here.
void record_mode(int fd) {
  const mode_t mode = status_of(fd).st_mode;
  if (!S_ISREG(mode) || !path_of(fd)) return;
  record("mode " + inode_and_mtime(fd) + " " + std::to_string(mode & 07777U) + "\n");
}

void record_sync(int fd) {
  const auto path = path_of(fd);
  if (!path) return;
  record(S_ISDIR(status_of(fd).st_mode) ? "sync_directory " + *path + "\n"
                                        : "sync " + inode_and_mtime(fd) + "\n");
}

void record_sync_all(int fd) {
  if (path_of(fd)) record("sync_all\n");
}

void record_make_directory(const std::optional<std::string>& path) {
  if (path) record("make_directory " + *path + "\n");
}

void record_rename(const std::optional<std::string>& from, const std::optional<std::string>& to) {
  if (from && to) record("rename " + *from + " " + *to + "\n");
}

void record_unlink(const std::optional<std::string>& path) {
  if (path) record("unlink " + *path + "\n");
}

// Makes a call and, with nobody in between, has `note(result)` record it unless it failed.
template <typename Call, typename Note>
long recorded(Call call, Note note) {
  const OneAtATime lock;
  const long result = call();
  if (static_cast<int>(result) >= 0) note(result);
  return result;
}

}  // namespace

PIECEWORK_WRAP(mkostemp64) {
  return recorded([=] { return real(a, b, c, d, e, f); }, record_create);
}

// openat2(2): directory, name, how.
PIECEWORK_WRAP(syscall) {
  if (a != SYS_openat2) return real(a, b, c, d, e, f);
  // The flags come first in `struct open_how`.
  const bool creates = (*reinterpret_cast<const unsigned long*>(d) & O_EXCL) != 0;
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long fd) {
                    if (creates) record_create(fd);
                  });
}

PIECEWORK_WRAP(pwrite64) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long written) { record_write(descriptor(a), b, written, d); });
}

PIECEWORK_WRAP(write) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long written) {
                    const int fd = descriptor(a);
                    const long end = path_of(fd) ? ::lseek(fd, 0, SEEK_CUR) : 0;
                    record_write(fd, b, written, end - written);
                  });
}

PIECEWORK_WRAP(ftruncate64) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_size(descriptor(a)); });
}

PIECEWORK_WRAP(fallocate64) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_size(descriptor(a)); });
}

PIECEWORK_WRAP(fdatasync) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_sync(descriptor(a)); });
}

PIECEWORK_WRAP(fsync) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_sync(descriptor(a)); });
}

PIECEWORK_WRAP(syncfs) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_sync_all(descriptor(a)); });
}

PIECEWORK_WRAP(fchmod) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_mode(descriptor(a)); });
}

PIECEWORK_WRAP(mkdirat) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_make_directory(path_in(a, b)); });
}

PIECEWORK_WRAP(rename) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_rename(path_in(AT_FDCWD, a), path_in(AT_FDCWD, b)); });
}

PIECEWORK_WRAP(renameat2) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_rename(path_in(a, b), path_in(c, d)); });
}

PIECEWORK_WRAP(unlink) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_unlink(path_in(AT_FDCWD, a)); });
}

PIECEWORK_WRAP(unlinkat) {
  return recorded([=] { return real(a, b, c, d, e, f); },
                  [=](long) { record_unlink(path_in(a, b)); });
}
