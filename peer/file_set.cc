#include "peer/file_set.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/socket.h"

namespace piecework::peer {

void write_all(int fd, std::span<const std::byte> data, std::uint64_t offset) {
  auto position = static_cast<off_t>(offset);
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd, data.data(), data.size(), position);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("pwrite");
    data = data.subspan(static_cast<std::size_t>(n));
    position += n;
  }
}

FileSet::FileSet(FileLayout layout, std::size_t most_open, Opener open)
    : layout_(std::move(layout)),
      most_open_(std::max<std::size_t>(most_open, 1)),
      open_(std::move(open)) {}

FileSet::Handle FileSet::get(std::uint32_t file) {
  {
    MutexLock lock(mutex_);
    if (Handle found = find_locked(file)) return found;
  }
  auto opened = std::make_shared<const UniqueFd>(open_(file));
  Handle unused;  // closed after the lock is given back
  MutexLock lock(mutex_);
  if (Handle found = find_locked(file)) return found;  // another thread was faster
  if (opened_.size() >= most_open_) unused = evict_locked();
  opened_.push_back({file, ++uses_, opened});
  return opened;
}

FileSet::Handle FileSet::find_locked(std::uint32_t file) {
  for (Open& open : opened_) {
    if (open.file != file) continue;
    open.used = ++uses_;
    return open.handle;
  }
  return nullptr;
}

FileSet::Handle FileSet::evict_locked() {
  const auto oldest = std::min_element(
      opened_.begin(), opened_.end(), [](const Open& a, const Open& b) { return a.used < b.used; });
  Handle handle = std::move(oldest->handle);
  *oldest = std::move(opened_.back());
  opened_.pop_back();
  return handle;
}

std::size_t FileSet::read(std::uint64_t offset, std::span<std::byte> buffer) {
  const auto part = layout_.segment(offset, buffer.size());
  if (!part) return 0;
  const Handle file = get(part->file);
  while (true) {
    const ssize_t n = ::pread(file->get(), buffer.data(), static_cast<std::size_t>(part->length),
                              static_cast<off_t>(part->offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) throw_errno("pread");
  }
}

void FileSet::write(std::uint32_t file, std::uint64_t offset, std::span<const std::byte> data) {
  write_all(get(file)->get(), data, offset);
}

void FileSet::close_all() {
  std::vector<Open> closing;
  MutexLock lock(mutex_);
  closing.swap(opened_);
}

}  // namespace piecework::peer
