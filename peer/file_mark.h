// Tells whether a file is still the one that was seen before, and unchanged. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace piecework::peer {

struct FileMark {
  std::uint64_t length = 0;
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;  // 0 on a file system that does not keep it
  std::int64_t mtime_ns = 0;  // both since 1970

  // Of the open file `fd` (statx(2)). Throws std::system_error naming `path`.
  static FileMark of(int fd, const std::string& path);
  // Of the file at `path`; nothing when it cannot be asked.
  static std::optional<FileMark> at(const std::string& path);

  // The same file, though it may have been written to since. An inode number alone says little: it
  // is given to the next file as soon as this one is removed. False when that cannot be known.
  bool is_same_file(const FileMark& other) const {
    return birth_ns != 0 && inode == other.inode && birth_ns == other.birth_ns;
  }
  bool operator==(const FileMark&) const = default;  // the same, and not written to
};

}  // namespace piecework::peer
