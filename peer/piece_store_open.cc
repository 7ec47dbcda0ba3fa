// How what lies there of a torrent is found, made, and taken back: the beginning of a PieceStore.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <utility>

#include "common/daemon_files.h"
#include "common/socket.h"
#include "peer/piece_store.h"
#include "peer/storage_call.h"

namespace piecework::peer {
namespace {

// Reserved in one call at first, and twice as much after each that was quick: it keeps those out
// who write to the file.
constexpr std::uint64_t kFirstReserveBytes = 4 << 20;
constexpr std::size_t kCopyBytes = 256 << 10;

// Where one file has been written to. A hole never has, so there is nothing in it to be hashed
// (lseek(2), SEEK_DATA). Asked in ascending order.
class WrittenRanges {
 public:
  bool overlap(int fd, std::uint64_t from, std::uint64_t to) {
    if (from >= hole_) look_on(fd, from);
    return data_ < to;
  }

 private:
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

  void look_on(int fd, std::uint64_t from) {
    const off_t data = ::lseek(fd, static_cast<off_t>(from), SEEK_DATA);
    if (data < 0 && errno == ENXIO) {  // no data behind `from`
      data_ = hole_ = kNowhere;
      return;
    }
    const off_t hole = data < 0 ? data : ::lseek(fd, data, SEEK_HOLE);
    // A file system that cannot tell may have data anywhere.
    data_ = hole < 0 ? 0 : static_cast<std::uint64_t>(data);
    hole_ = hole < 0 ? kNowhere : static_cast<std::uint64_t>(hole);
  }

  std::uint64_t data_ =
      0;  // between the two there is data, and before it none from where was asked
  std::uint64_t hole_ = 0;
};

}  // namespace

PieceStore::Opened PieceStore::open(const std::optional<ResumeState>& state) {
  return storage_call([&] {
    files_.close_all();
    if (descriptors_run_short()) {  // those who want its pieces need some, too
      errno = EMFILE;
      throw_errno("open " + directory_.path_of(torrent_.file_name));
    }
    {
      MutexLock lock(mutex_);
      marks_.assign(files_.layout().count(), {});
      // What was found may be in memory only, whoever wrote it.
      dirty_.assign(files_.layout().count(), true);
    }
    is_part_ = !find_complete();
    Opened opened = is_part_ ? open_part(state) : open_complete(state);
    if (opened.origin == FileOrigin::kUnknown) opened.origin = origin(state);
    if (!torrent_.is_tree()) files_.get(0);
    if (sync_failed_) read_from_disk();
    sync_failed_ = false;
    return opened;
  });
}

// A state of a part may be about what is complete now: there was no time to save it after the last
// piece.
FileOrigin PieceStore::origin(const std::optional<ResumeState>& state) const {
  if (!state || (state->complete && is_part_)) return FileOrigin::kUnknown;
  MutexLock lock(mutex_);
  for (std::uint32_t file = 0; file < marks_.size(); ++file) {
    const FileMark& left = state->files[file];
    const bool same = state->complete ? left == marks_[file] : left.is_same_file(marks_[file]);
    if (!same) return FileOrigin::kUnknown;
  }
  return FileOrigin::kKnown;
}

bool PieceStore::find_complete() {
  const std::string& name = torrent_.file_name;
  if (!torrent_.is_tree()) return directory_.open_existing(name, O_RDONLY).valid();
  tree_ = directory_.open_directory(name);
  return tree_ != nullptr;
}

PieceStore::Opened PieceStore::open_complete(const std::optional<ResumeState>& state) {
  const FileLayout& layout = files_.layout();
  const bool believed = state && state->complete && state->verified.complete();
  std::vector<FoundFile> found(layout.count(), FoundFile::kUnknown);
  std::uint32_t wrong = 0;
  for (std::uint32_t file = 0; file < layout.count(); ++file) {
    const FileMark now = mark_now(file);
    const bool fits = now.inode != 0 && now.length == layout.length(file);
    if (!fits && !torrent_.is_tree()) {
      throw StorageError(std::errc::file_exists,
                         path() + " exists with " + std::to_string(now.length) +
                             " bytes, the torrent has " + std::to_string(layout.total()) +
                             "; move it away");
    }
    if (!fits) {
      found[file] = FoundFile::kNothing;
      ++wrong;
    } else if (believed && state->files[file] == now) {
      found[file] = FoundFile::kAsLeft;
    }
    MutexLock lock(mutex_);
    marks_[file] = now;
  }
  Opened opened = judge(found, state);
  opened.wrong_files = wrong;
  return opened;
}

PieceStore::Opened PieceStore::open_part(const std::optional<ResumeState>& state) {
  const std::uint32_t count = files_.layout().count();
  std::uint32_t made = 0;
  const std::vector<FoundFile> found = prepare(state, made);
  Opened opened = judge(found, state);
  if (made == count) opened.origin = FileOrigin::kMade;
  return opened;
}

// Makes NAME.part what it is to be, and tells how its files lay there. Adds to `made` how many did
// not.
std::vector<FoundFile> PieceStore::prepare(const std::optional<ResumeState>& state,
                                           std::uint32_t& made) {
  if (torrent_.is_tree()) open_part_directory();
  const std::uint32_t count = files_.layout().count();
  has_space_.assign(count, false);
  reserve_file_ = 0;
  reserve_at_ = 0;
  reserve_step_ = kFirstReserveBytes;
  std::vector<FoundFile> found;
  std::uint64_t needed = 0;
  for (std::uint32_t file = 0; file < count; ++file) {
    found.push_back(look_at_file(file, state, needed));
  }
  require_space(needed);
  for (std::uint32_t file = 0; file < count; ++file) made += prepare_file(file) ? 1 : 0;
  return found;
}

// With all the directories below it.
void PieceStore::open_part_directory() {
  const std::string name = DownloadDir::part_name(torrent_.file_name);
  directory_.make_directory(name);
  tree_ = directory_.open_directory(name);
  names_unsynced_ = true;
  if (!tree_) throw StorageError(std::errc::no_such_file_or_directory, path() + " was removed");
  std::string last;  // made, with those above it
  for (const TreeFile& file : torrent_.files) {
    for (std::size_t slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      const std::string directory = file.path.substr(0, slash);
      if (directory == last || last.starts_with(directory + "/")) continue;
      tree_->make_directory(directory);
      last = directory;
    }
  }
}

// How `file` of a part lies there, before anything is done to it. Adds to `needed` what space it
// takes beyond what it has.
FoundFile PieceStore::look_at_file(std::uint32_t file, const std::optional<ResumeState>& state,
                                   std::uint64_t& needed) {
  const std::uint64_t length = files_.layout().length(file);
  const UniqueFd there = root().open_existing(name_in_root(file), O_RDWR);
  struct stat status {};
  if (there.valid() && ::fstat(there.get(), &status) < 0) throw_errno("stat " + path_of(file));
  const auto allocated = static_cast<std::uint64_t>(status.st_blocks) * 512;
  const auto found_length = static_cast<std::uint64_t>(status.st_size);
  if (found_length > length) {
    throw StorageError(std::errc::file_too_large,
                       path_of(file) + " is longer than the torrent's file; move it away");
  }
  // Reserving again would change the file's time, by which a clean stop is recognised.
  has_space_[file] = there.valid() && found_length == length && allocated >= length;
  if (!has_space_[file]) needed += length - std::min(length, allocated);
  // Not there, or the disk was full when it was made, and nothing has been written since.
  if (found_length == 0) return length == 0 ? FoundFile::kAsLeft : FoundFile::kNothing;
  if (!state || state->complete) return FoundFile::kUnknown;
  const FileMark& left = state->files[file];
  const FileMark now = FileMark::of(there.get(), path_of(file));
  if (state->clean) return left == now ? FoundFile::kAsLeft : FoundFile::kUnknown;
  // One that has been cut is stretched again, with nothing in what was cut off.
  const bool ours = left.is_same_file(now) && left.length == now.length;
  return ours ? FoundFile::kWritten : FoundFile::kUnknown;
}

// Said at once, and nothing taken, when it cannot fit.
void PieceStore::require_space(std::uint64_t bytes) const {
  if (bytes == 0 || directory_.free_bytes() >= bytes + min_free_bytes_) return;
  errno = ENOSPC;
  throw_errno("reserve " + path() + (min_free_bytes_ > 0 ? " beside min_free_space" : ""));
}

// Makes `file` of a part if it is missing, and as long as it is to be. True when it was missing.
bool PieceStore::prepare_file(std::uint32_t file) {
  const std::string name = name_in_root(file);
  const bool executable = torrent_.is_tree() && torrent_.files[file].executable;
  UniqueFd there = root().open_existing(name, O_RDWR);
  const bool missing = !there.valid();
  if (missing) {
    there = root().create(name, executable);
  } else if (torrent_.is_tree()) {
    root().set_executable(there.get(), name, executable);
  }
  const std::uint64_t length = files_.layout().length(file);
  FileMark mark = FileMark::of(there.get(), path_of(file));
  if (mark.length != length) {
    if (::ftruncate(there.get(), static_cast<off_t>(length)) < 0) {
      throw_errno("resize " + path_of(file));
    }
    mark = FileMark::of(there.get(), path_of(file));
  }
  MutexLock lock(mutex_);
  marks_[file] = mark;
  return missing;
}

PieceStore::Opened PieceStore::judge(const std::vector<FoundFile>& found,
                                     const std::optional<ResumeState>& state) {
  WrittenRanges written;
  std::uint32_t looked_at = 0;
  PieceDoubts doubts =
      judge_pieces(torrent_.layout, files_.layout(), found,
                   state ? state->verified : Bitfield(torrent_.layout.count()),
                   [&](const FileLayout::Segment& part) {
                     if (std::exchange(looked_at, part.file) != part.file)
                       written = WrittenRanges();
                     const FileSet::Handle file = files_.get(part.file);
                     return written.overlap(file->get(), part.offset, part.offset + part.length);
                   });
  return {std::move(doubts.trusted), std::move(doubts.in_doubt), !is_part_};
}

// ---- Taking back ----

void PieceStore::take_back(const Bitfield& held) {
  storage_call([&] {
    if (held.held() == 0 && held.size() > 0) {
      throw StorageError(std::errc::file_exists,
                         path() + " matches in no piece, and may be something else; move it away");
    }
    if (changed_since_opened()) {
      throw std::runtime_error(path() + " was changed while it was checked");
    }
    const std::string part = DownloadDir::part_name(torrent_.file_name);
    if (torrent_.is_tree()) require_ours_to_write();
    if (torrent_.is_tree() || may_be_written(0)) {
      directory_.rename(torrent_.file_name, part);
    } else {
      copy_to_part(held);
      directory_.remove(torrent_.file_name);
    }
    files_.close_all();
    is_part_ = true;
    std::uint32_t made = 0;
    prepare(std::nullopt, made);
    if (!torrent_.is_tree()) files_.get(0);
  });
}

// False when it is not for us to write to: what another name shows would change with it. It is
// there, and as it was opened.
bool PieceStore::may_be_written(std::uint32_t file) const {
  try {
    const UniqueFd opened = root().open_existing(name_in_root(file), O_RDWR);
    struct stat status;
    return opened.valid() && ::fstat(opened.get(), &status) == 0 && status.st_nlink == 1;
  } catch (const std::system_error&) {  // no permission; it is being executed
    return false;
  }
}

// Nothing is copied of a directory: whoever linked its files wants to have them so.
void PieceStore::require_ours_to_write() const {
  for (std::uint32_t file = 0; file < files_.layout().count(); ++file) {
    const UniqueFd named = root().open_existing(name_in_root(file), O_RDONLY);
    if (!named.valid()) continue;
    if (FileMark::of(named.get(), path_of(file)).length > files_.layout().length(file)) {
      throw StorageError(std::errc::file_too_large,
                         path_of(file) + " is longer than the torrent's file; move it away");
    }
    if (!may_be_written(file)) {
      throw StorageError(std::errc::operation_not_permitted,
                         path_of(file) + " has other links, or may not be written to");
    }
  }
}

void PieceStore::copy_to_part(const Bitfield& held) {
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
}

void PieceStore::copy_piece(PieceIndex piece, int to) {
  std::vector<std::byte> buffer(std::min<std::size_t>(kCopyBytes, length(piece)));
  std::uint64_t position = torrent_.layout.offset(piece);
  std::size_t left = length(piece);
  while (left > 0) {
    const std::size_t bytes =
        read(position, std::span(buffer).first(std::min(left, buffer.size())));
    if (bytes == 0) throw StorageError(std::errc::io_error, "read " + path() + ": it is too short");
    write_all(to, std::span(buffer).first(bytes), position);
    left -= bytes;
    position += bytes;
  }
}

}  // namespace piecework::peer
