#include "peer/piece_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/socket.h"

namespace piecework::peer {
namespace {

// Reserved in one call at first, and twice as much after each that was quick: it keeps those out
// who write to the file.
constexpr std::uint64_t kFirstReserveBytes = 4 << 20;
constexpr milliseconds kQuickReserve{1};
constexpr std::size_t kCopyBytes = 256 << 10;

// Runs `call`, turning what the operating system refuses into a StorageError.
template <typename Call>
auto storage_call(Call call) {
  try {
    return call();
  } catch (const StorageError&) {
    throw;
  } catch (const std::system_error& error) {
    throw StorageError(error);
  }
}

void write_all(int file, std::span<const std::byte> data, off_t position, const std::string& path) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(file, data.data(), data.size(), position);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write " + path);
    data = data.subspan(static_cast<std::size_t>(n));
    position += n;
  }
}

Bitfield all_but(const Bitfield& pieces) {
  Bitfield rest(pieces.size());
  for (PieceIndex piece; piece.value() < pieces.size(); ++piece) {
    if (!pieces.has(piece)) rest.set(piece);
  }
  return rest;
}

}  // namespace

PieceStore::PieceStore(const DownloadDir& directory, const Torrent& torrent,
                       std::uint64_t min_free_bytes)
    : directory_(directory), torrent_(torrent), min_free_bytes_(min_free_bytes) {}

PieceStore::Opened PieceStore::open(const std::optional<ResumeState>& state) {
  return storage_call([&] {
    file_ = directory_.open_existing(torrent_.file_name, O_RDONLY);
    Opened opened = file_.valid() ? open_complete(state) : open_part(state);
    mark_ = mark();
    if (opened.origin == FileOrigin::kUnknown) opened.origin = origin(state);
    if (std::exchange(sync_failed_, false)) read_from_disk();
    return opened;
  });
}

// A state of a part may be about what is complete now: there was no time to save it after the last
// piece.
FileOrigin PieceStore::origin(const std::optional<ResumeState>& state) const {
  if (!state || (state->complete && is_part_)) return FileOrigin::kUnknown;
  const bool same = state->complete ? state->file == mark_ : state->file.is_same_file(mark_);
  return same ? FileOrigin::kKnown : FileOrigin::kUnknown;
}

bool PieceStore::changed_since_opened() const {
  return storage_call([&] { return mark() != mark_; });
}

PieceStore::Opened PieceStore::open_complete(const std::optional<ResumeState>& state) {
  is_part_ = false;
  const std::uint32_t pieces = torrent_.layout.count();
  const FileMark now = mark();
  if (now.length != torrent_.layout.file_length()) {
    throw StorageError(std::errc::file_exists,
                       path() + " exists with " + std::to_string(now.length) +
                           " bytes, the torrent has " +
                           std::to_string(torrent_.layout.file_length()) + "; move it away");
  }
  if (state && state->complete && state->verified.complete() && state->file == now) {
    return {state->verified, Bitfield(pieces), true};
  }
  return {Bitfield(pieces), Bitfield(pieces, true), true};
}

PieceStore::Opened PieceStore::open_part(const std::optional<ResumeState>& state) {
  is_part_ = true;
  const std::uint32_t pieces = torrent_.layout.count();
  const std::string name = DownloadDir::part_name(torrent_.file_name);
  file_ = directory_.open_existing(name, O_RDWR);
  if (!file_.valid()) {
    file_ = directory_.create(name);
    resize();
    return {Bitfield(pieces), Bitfield(pieces), false, FileOrigin::kMade};
  }
  const FileMark found = mark();
  if (found.length > torrent_.layout.file_length()) {
    throw StorageError(std::errc::file_too_large,
                       path() + " is longer than the torrent's file; move it away");
  }
  // One that has been cut is stretched again by resize(), with nothing in what was cut off.
  const bool ours = state && !state->complete && state->file.is_same_file(found) &&
                    state->file.length == found.length;
  resize();
  // The disk was full when it was made, and nothing has been written since.
  if (found.length == 0) return {Bitfield(pieces), Bitfield(pieces), false};
  if (state && !state->complete && state->clean && state->file == found) {
    return {state->verified, Bitfield(pieces), false};
  }
  if (ours && !state->clean) return {state->verified, pieces_with_data(state->verified), false};
  return {Bitfield(pieces), Bitfield(pieces, true), false};
}

void PieceStore::take_back(const Bitfield& held) {
  storage_call([&] {
    if (held.held() == 0) {
      throw StorageError(std::errc::file_exists,
                         path() + " matches in no piece, and may be something else; move it away");
    }
    if (mark() != mark_) throw std::runtime_error(path() + " was changed while it was checked");
    const std::string part = DownloadDir::part_name(torrent_.file_name);
    if (UniqueFd file = open_to_write(); file.valid()) {
      directory_.rename(torrent_.file_name, part);
      file_ = std::move(file);
    } else {
      file_ = copy_to_part(held);
      directory_.remove(torrent_.file_name);
    }
    is_part_ = true;
    resize();
    mark_ = mark();
  });
}

// Nothing when it is not for us to write to: what another name shows would change with it.
UniqueFd PieceStore::open_to_write() const {
  struct stat status;
  if (::fstat(file_.get(), &status) < 0) throw_errno("stat " + path());
  if (status.st_nlink != 1) return {};
  try {
    UniqueFd file = directory_.open_existing(torrent_.file_name, O_RDWR);
    if (file.valid() && FileMark::of(file.get(), path()) == mark_) return file;
  } catch (const std::system_error&) {  // no permission; it is being executed
    return {};
  }
  throw std::runtime_error(path() + " was changed while it was checked");
}

UniqueFd PieceStore::copy_to_part(const Bitfield& held) const {
  if (directory_.free_bytes() < held.held_bytes(torrent_.layout) + min_free_bytes_) {
    errno = ENOSPC;
    throw_errno("copy " + path());
  }
  const std::string part = DownloadDir::part_name(torrent_.file_name);
  UniqueFd copy = directory_.create(part);
  try {
    if (::ftruncate(copy.get(), static_cast<off_t>(torrent_.layout.file_length())) < 0) {
      throw_errno("resize " + directory_.path_of(part));
    }
    for (PieceIndex piece; piece < torrent_.layout.end(); ++piece) {
      if (held.has(piece)) copy_piece(piece, copy.get());
    }
    if (::fsync(copy.get()) < 0) throw_errno("sync " + directory_.path_of(part));
  } catch (const std::system_error&) {
    directory_.remove(part);
    throw;
  }
  return copy;
}

void PieceStore::copy_piece(PieceIndex piece, int to) const {
  std::vector<std::byte> buffer(std::min<std::size_t>(kCopyBytes, length(piece)));
  auto position = static_cast<off_t>(offset(piece));
  std::size_t left = length(piece);
  while (left > 0) {
    const ssize_t n = ::pread(file_.get(), buffer.data(), std::min(left, buffer.size()), position);
    if (n < 0) throw_errno("read " + path());
    if (n == 0) throw StorageError(std::errc::io_error, "read " + path() + ": it is too short");
    const std::span<const std::byte> data(buffer.data(), static_cast<std::size_t>(n));
    write_all(to, data, position, directory_.part_path_of(torrent_.file_name));
    left -= data.size();
    position += n;
  }
}

void PieceStore::write_piece(PieceIndex piece, std::span<const std::byte> data) {
  storage_call([&] { write_all(file_.get(), data, static_cast<off_t>(offset(piece)), path()); });
}

std::string PieceStore::path() const {
  return is_part_ ? directory_.part_path_of(torrent_.file_name)
                  : directory_.path_of(torrent_.file_name);
}

bool PieceStore::is_intact() const {
  const bool part = is_part_;
  try {
    const std::string& name = torrent_.file_name;
    const UniqueFd named =
        directory_.open_existing(part ? DownloadDir::part_name(name) : name, O_RDONLY);
    if (!named.valid()) return false;
    const FileMark found = FileMark::of(named.get(), path());
    if (!part) return found == mark_;
    return found.inode == mark().inode && found.length == torrent_.layout.file_length();
  } catch (const std::system_error&) {
    return false;
  }
}

void PieceStore::sync() {
  if (::fdatasync(file_.get()) == 0) return;
  sync_failed_ = true;
  storage_call([&] { throw_errno("sync " + path()); });
}

void PieceStore::finish() {
  storage_call([&] {
    sync();
    directory_.rename(DownloadDir::part_name(torrent_.file_name), torrent_.file_name);
    is_part_ = false;
    mark_ = mark();
  });
}

bool PieceStore::exists() const {
  return directory_.exists(torrent_.file_name) ||
         directory_.exists(DownloadDir::part_name(torrent_.file_name));
}

std::string PieceStore::why_to_keep() const {
  struct stat status;
  if (is_part_) return path() + " is not complete";
  if (!is_intact()) return path() + " was changed or replaced";
  if (::fstat(file_.get(), &status) < 0 || status.st_nlink != 1) {
    return path() + " has other links, and removing it would free nothing";
  }
  return "";
}

void PieceStore::remove() {
  storage_call([&] { directory_.remove(torrent_.file_name); });
  file_.reset();
}

ResumeState PieceStore::state(const Bitfield& verified, bool clean) const {
  // A complete file is the one that was checked, whatever has become of it since.
  return {is_part_ ? mark() : mark_, !is_part_, clean, verified, {}};
}

void PieceStore::resize() {
  const std::uint64_t length = torrent_.layout.file_length();
  struct stat status;
  if (::fstat(file_.get(), &status) < 0) throw_errno("stat " + path());
  const auto allocated = static_cast<std::uint64_t>(status.st_blocks) * 512;
  // Reserving again would change the file's time, by which a clean stop is recognised.
  const bool has_length = static_cast<std::uint64_t>(status.st_size) == length;
  reserve_step_ = kFirstReserveBytes;
  reserved_ = has_length && allocated >= length ? length : 0;
  if (reserved_ == length && has_length) return;
  // Said at once, and nothing taken, when it cannot fit.
  const std::uint64_t needed = length - std::min(length, allocated);
  if (directory_.free_bytes() < needed + min_free_bytes_) {
    errno = ENOSPC;
    throw_errno("reserve " + path() + (min_free_bytes_ > 0 ? " beside min_free_space" : ""));
  }
  if (!has_length && ::ftruncate(file_.get(), static_cast<off_t>(length)) < 0) {
    throw_errno("resize " + path());
  }
}

bool PieceStore::reserve_more() {
  const std::uint64_t length = torrent_.layout.file_length();
  if (!is_part_ || reserved_ >= length) return false;
  const std::uint64_t step = std::min(reserve_step_, length - reserved_);
  const TimePoint from = Clock::now();
  if (::fallocate(file_.get(), 0, static_cast<off_t>(reserved_), static_cast<off_t>(step)) == 0) {
    reserved_ += step;
    if (Clock::now() - from < kQuickReserve) reserve_step_ *= 2;
  } else if (errno == EOPNOTSUPP || errno == ENOSYS) {
    reserved_ = length;
  } else if (errno != EINTR) {
    storage_call([&] { throw_errno("reserve " + path()); });
  }
  return reserved_ < length;
}

// A hole has never been written, so there is nothing in it to be hashed (lseek(2), SEEK_DATA).
Bitfield PieceStore::pieces_with_data(const Bitfield& except) const {
  Bitfield found(torrent_.layout.count());
  const std::uint64_t piece_length = torrent_.layout.piece_length();
  off_t at = 0;
  while (true) {
    const off_t data = ::lseek(file_.get(), at, SEEK_DATA);
    if (data < 0) break;
    const off_t hole = ::lseek(file_.get(), data, SEEK_HOLE);
    if (hole < 0) return all_but(except);  // a file system that cannot tell
    const auto first = static_cast<std::uint32_t>(static_cast<std::uint64_t>(data) / piece_length);
    const auto last =
        static_cast<std::uint32_t>((static_cast<std::uint64_t>(hole) - 1) / piece_length);
    for (PieceIndex piece(first); piece.value() <= last && torrent_.layout.contains(piece);
         ++piece) {
      if (!except.has(piece)) found.set(piece);
    }
    at = hole;
  }
  return errno == ENXIO ? found : all_but(except);  // ENXIO: no data behind `at`
}

// What the page cache holds may be all that is left of what could not be written.
void PieceStore::read_from_disk() const {
  ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace piecework::peer
