// Small files, whole: read with a bound, or replaced so that a reader, and a crash at any instant,
// sees either the old content or the new one (rename(2)).
// Safe from any thread; of two writers of one path the last one wins.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace piecework {

enum class Durability {
  kCached,  // survives the process
  kSynced,  // survives the machine: when this returns, content and name are on disk
};

// Replaces or makes the file at `path`, by way of a dotfile in the same directory. `mode` is taken
// as it is, whatever the umask. A symbolic link at `path` is replaced, not followed. Throws
// std::system_error naming the path, also when something other than a regular file is there; then
// the old file stands and nothing is left behind.
void write_file_atomically(const std::string& path, std::string_view content, mode_t mode,
                           Durability durability);

// Throws std::system_error naming the path when something other than a regular file is there:
// renaming over /dev/null or a FIFO would put a plain file in its place.
void require_replaceable(const std::string& path);

// The first `length` bytes of the regular file at `path`, or all when it has fewer; nothing when
// there is no such file. Throws as read_small_file() does, except EFBIG.
std::optional<std::string> read_beginning(const std::string& path, std::size_t length);

// The content of the regular file at `path`. Throws std::system_error naming the path: EFBIG when
// it has more than `limit` bytes, EISDIR or EINVAL when it is no regular file. Never blocks on a
// FIFO.
std::string read_small_file(const std::string& path, std::uint64_t limit);

}  // namespace piecework
