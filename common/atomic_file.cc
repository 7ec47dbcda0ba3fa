#include "common/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "common/unique_fd.h"

namespace piecework {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;

[[noreturn]] void fail(int error, const char* call, const std::string& path) {
  throw std::system_error(error, std::generic_category(), std::string(call) + " " + path);
}

void check(int result, const char* call, const std::string& path) {
  if (result < 0) fail(errno, call, path);
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A file that is removed again unless it got its final name.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& directory, const std::string& target)
      : path_(directory + "/.piecework.XXXXXX"), fd_(::mkostemp(path_.data(), O_CLOEXEC)) {
    check(fd_.get(), "create a file beside", target);
  }
  ~TemporaryFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int fd() const { return fd_.get(); }
  void rename_to(const std::string& target) {
    check(::rename(path_.c_str(), target.c_str()), "replace", target);
    renamed_ = true;
  }

 private:
  std::string path_;
  UniqueFd fd_;
  bool renamed_ = false;
};

void write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    check(static_cast<int>(std::min<ssize_t>(written, 0)), "write", path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_directory(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check(fd.get(), "open", directory);
  check(::fsync(fd.get()), "fsync", directory);
}

UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

void require_regular(int fd, const std::string& path) {
  struct stat status;
  check(::fstat(fd, &status), "fstat", path);
  if (S_ISREG(status.st_mode)) return;
  fail(S_ISDIR(status.st_mode) ? EISDIR : EINVAL, "read", path + ", which is no regular file");
}

}  // namespace

void require_replaceable(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
  fail(S_ISDIR(status.st_mode) ? EISDIR : EINVAL, "replace", path + ", which is no regular file");
}

void write_file_atomically(const std::string& path, std::string_view content, mode_t mode,
                           Durability durability) {
  require_replaceable(path);
  const std::string directory = directory_of(path);
  TemporaryFile file(directory, path);
  check(::fchmod(file.fd(), mode), "fchmod", path);
  write_all(file.fd(), content, path);
  if (durability == Durability::kSynced) check(::fsync(file.fd()), "fsync", path);
  file.rename_to(path);
  if (durability == Durability::kSynced) sync_directory(directory);
}

std::optional<std::string> read_beginning(const std::string& path, std::size_t length) {
  const UniqueFd fd = open_to_read(path);
  if (!fd.valid() && errno == ENOENT) return std::nullopt;
  check(fd.get(), "open", path);
  require_regular(fd.get(), path);
  std::string content(length, '\0');
  const ssize_t got = ::read(fd.get(), content.data(), length);
  check(static_cast<int>(std::min<ssize_t>(got, 0)), "read", path);
  content.resize(static_cast<std::size_t>(got));
  return content;
}

std::string read_small_file(const std::string& path, std::uint64_t limit) {
  const UniqueFd fd = open_to_read(path);
  check(fd.get(), "open", path);
  require_regular(fd.get(), path);
  std::string content;
  // To the end and not to the size that fstat gives: the file may grow, and those in /proc have
  // none.
  for (;;) {
    const std::size_t before = content.size();
    content.resize(before + kReadBytes);
    const ssize_t got = ::read(fd.get(), content.data() + before, kReadBytes);
    check(static_cast<int>(std::min<ssize_t>(got, 0)), "read", path);
    content.resize(before + static_cast<std::size_t>(got));
    if (content.size() > limit) fail(EFBIG, "read", path);
    if (got == 0) return content;
  }
}

}  // namespace piecework
