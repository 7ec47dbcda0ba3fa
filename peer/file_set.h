// The files of one torrent as the stream of bytes that its pieces are cut from. Files are opened
// when something is in them to be read or written, and the ones used least lately are closed again:
// a torrent may have very many. A single file is opened once and stays open.
// Safe from any thread. No lock is held while a file is opened, closed, read or written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/file_layout.h"
#include "common/mutex.h"
#include "common/unique_fd.h"

namespace piecework::peer {

// Writes all of `data` to the open file `fd` from `offset`. Throws std::system_error.
void write_all(int fd, std::span<const std::byte> data, std::uint64_t offset);

class FileSet {
 public:
  // Opens a file by its place in the layout. Called from any thread; what it throws reaches whoever
  // wanted the file.
  using Opener = std::function<UniqueFd(std::uint32_t file)>;
  // Open as long as it is kept, whatever becomes of the set.
  using Handle = std::shared_ptr<const UniqueFd>;

  // At most `most_open` files (1 at least) stay open without being used.
  FileSet(FileLayout layout, std::size_t most_open, Opener open);

  const FileLayout& layout() const { return layout_; }

  Handle get(std::uint32_t file) EXCLUDES(mutex_);

  // Calls `visit(fd, offset in the file, bytes)` for each part of `length` bytes from `offset` of
  // the stream that lies in one file, in order.
  template <typename Visit>
  void for_each_part(std::uint64_t offset, std::uint64_t length, Visit visit) EXCLUDES(mutex_) {
    layout_.for_each_segment(offset, length, [&](const FileLayout::Segment& part) {
      const Handle file = get(part.file);
      visit(file->get(), part.offset, part.length);
    });
  }

  // Reads into the front of `buffer` from `offset` of the stream. As pread(2), it may read less
  // than there is: up to the end of one file at most; 0 when that file, or the stream, has ended
  // before. Throws std::system_error.
  std::size_t read(std::uint64_t offset, std::span<std::byte> buffer) EXCLUDES(mutex_);

  // Writes all of `data` at `offset` in `file`. Throws std::system_error.
  void write(std::uint32_t file, std::uint64_t offset, std::span<const std::byte> data)
      EXCLUDES(mutex_);

  // Nothing stays open but what somebody keeps.
  void close_all() EXCLUDES(mutex_);

 private:
  struct Open {
    std::uint32_t file;
    std::uint64_t used;  // the larger, the later
    Handle handle;
  };

  Handle find_locked(std::uint32_t file) REQUIRES(mutex_);
  Handle evict_locked() REQUIRES(mutex_);

  const FileLayout layout_;
  const std::size_t most_open_;
  const Opener open_;

  Mutex mutex_;
  std::uint64_t uses_ GUARDED_BY(mutex_) = 0;
  std::vector<Open> opened_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
