#include "peer/file_mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/socket.h"

namespace piecework::peer {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr unsigned kWanted = STATX_SIZE | STATX_INO | STATX_MTIME | STATX_BTIME;

std::int64_t nanoseconds_of(const struct statx_timestamp& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

FileMark mark_of(const struct statx& status) {
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return {.length = status.stx_size,
          .inode = status.stx_ino,
          .birth_ns = has_birth ? nanoseconds_of(status.stx_btime) : 0,
          .mtime_ns = nanoseconds_of(status.stx_mtime)};
}

}  // namespace

FileMark FileMark::of(int fd, const std::string& path) {
  struct statx status;
  if (::statx(fd, "", AT_EMPTY_PATH, kWanted, &status) < 0) throw_errno("stat " + path);
  return mark_of(status);
}

std::optional<FileMark> FileMark::at(const std::string& path) {
  struct statx status;
  if (::statx(AT_FDCWD, path.c_str(), 0, kWanted, &status) < 0) return std::nullopt;
  return mark_of(status);
}

}  // namespace piecework::peer
