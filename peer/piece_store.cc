#include "peer/piece_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/errors.h"
#include "common/socket.h"
#include "peer/source_files.h"
#include "peer/storage_call.h"

namespace piecework::peer {
namespace {

constexpr std::size_t kMostOpen = 32;  // files of one torrent
constexpr std::size_t kMostSyncedOneByOne = 16;

constexpr std::uint64_t kMostReserveBytes = 1 << 30;
constexpr std::uint64_t kLeastReserveBytes = 64 << 10;  // what a small file counts for
constexpr milliseconds kQuickReserve{1};

bool is_same(const FileMark& a, const FileMark& b) {
  return a.inode != 0 && a.inode == b.inode && a.birth_ns == b.birth_ns;
}

[[noreturn]] void throw_changed(const std::string& what) {
  throw StorageError(std::system_error(ESTALE, std::generic_category(), what));
}

}  // namespace

PieceStore::PieceStore(const DownloadDir& directory, const Torrent& torrent,
                       std::uint64_t min_free_bytes)
    : directory_(directory),
      torrent_(torrent),
      min_free_bytes_(min_free_bytes),
      files_(file_layout(torrent), kMostOpen,
             [this](std::uint32_t file) { return open_file(file); }) {}

// ---- Names ----

std::string PieceStore::path() const {
  return is_part_ ? directory_.part_path_of(torrent_.file_name)
                  : directory_.path_of(torrent_.file_name);
}

std::string PieceStore::path_of(std::uint32_t file) const {
  return torrent_.is_tree() ? path() + "/" + torrent_.files[file].path : path();
}

std::string PieceStore::name_in_root(std::uint32_t file) const {
  if (torrent_.is_tree()) return torrent_.files[file].path;
  return is_part_ ? DownloadDir::part_name(torrent_.file_name) : torrent_.file_name;
}

// ---- Marks ----

FileMark PieceStore::mark_of(std::uint32_t file) const {
  MutexLock lock(mutex_);
  return marks_[file];
}

std::vector<FileMark> PieceStore::marks() const {
  MutexLock lock(mutex_);
  return marks_;
}

// Of what bears the file's name; empty when it is no file.
FileMark PieceStore::mark_now(std::uint32_t file) const {
  return root().mark_of(name_in_root(file)).value_or(FileMark{});
}

// A file that has been put in the place of one of ours has none.
std::vector<FileMark> PieceStore::marks_now() const {
  std::vector<FileMark> now = marks();
  for (std::uint32_t file = 0; file < now.size(); ++file) {
    const FileMark found = mark_now(file);
    now[file] = is_same(found, now[file]) ? found : FileMark{};
  }
  return now;
}

bool PieceStore::changed_since_opened() const {
  return storage_call([&] { return marks_now() != marks(); });
}

bool PieceStore::is_as_known() const {
  const bool part = is_part_;
  if (tree_) {
    const std::string& name = torrent_.file_name;
    const auto named = directory_.open_directory(part ? DownloadDir::part_name(name) : name);
    if (!named || !named->is_same_directory(*tree_)) return false;
  }
  const std::vector<FileMark> known = marks();
  for (std::uint32_t file = 0; file < known.size(); ++file) {
    const FileMark now = mark_now(file);
    if (!part && now != known[file]) return false;
    if (part && (now.inode != known[file].inode || now.length != known[file].length)) return false;
  }
  return true;
}

bool PieceStore::is_intact() const {
  try {
    return is_as_known();
  } catch (const std::system_error&) {
    return false;
  }
}

void PieceStore::require_intact() const {
  storage_call([&] {
    if (!is_as_known()) throw_changed(path() + " was removed, replaced or changed");
  });
}

ResumeState PieceStore::state(const Bitfield& verified, bool clean) const {
  // What is complete is what was checked, whatever has become of it since. While it is being
  // written to, it counts only which files these are.
  return storage_call([&] {
    return ResumeState{is_part_ && clean ? marks_now() : marks(), !is_part_, clean, verified, {}};
  });
}

// ---- Reading and writing ----

// What the page cache holds may be all that is left of what could not be written.
void PieceStore::read_from_disk() {
  for (std::uint32_t file = 0; file < files_.layout().count(); ++file) {
    if (mark_of(file).inode == 0) continue;
    ::posix_fadvise(files_.get(file)->get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

// Another file in the place of one that was opened would be read, or written to, as if it were
// that.
UniqueFd PieceStore::open_file(std::uint32_t file) const {
  return storage_call([&] {
    UniqueFd opened = root().open_existing(name_in_root(file), is_part_ ? O_RDWR : O_RDONLY);
    if (!opened.valid()) {
      throw StorageError(std::errc::no_such_file_or_directory, "open " + path_of(file));
    }
    const FileMark now = FileMark::of(opened.get(), path_of(file));
    {
      MutexLock lock(mutex_);
      if (is_part_ ? is_same(now, marks_[file]) : now == marks_[file]) return opened;
    }
    throw_changed(path_of(file) + " was replaced or changed");
  });
}

std::size_t PieceStore::read(std::uint64_t offset, std::span<std::byte> buffer) {
  const auto part = files_.layout().segment(offset, 1);
  if (!part) return 0;
  return storage_call("read " + path_of(part->file), [&] { return files_.read(offset, buffer); });
}

void PieceStore::write_piece(PieceIndex piece, std::span<const std::byte> data) {
  files_.layout().for_each_segment(
      torrent_.layout.offset(piece), data.size(), [&](const FileLayout::Segment& part) {
        const auto bytes = data.first(static_cast<std::size_t>(part.length));
        storage_call("write " + path_of(part.file),
                     [&] { files_.write(part.file, part.offset, bytes); });
        data = data.subspan(bytes.size());
        // Not before: a sync under way may not have seen it.
        MutexLock lock(mutex_);
        dirty_[part.file] = true;
      });
}

bool PieceStore::reserve_more() {
  if (!is_part_) return false;
  const TimePoint from = Clock::now();
  std::uint64_t left = reserve_step_;
  while (left > 0 && reserve_step(left)) {
  }
  if (Clock::now() - from < kQuickReserve) {
    reserve_step_ = std::min(2 * reserve_step_, kMostReserveBytes);
  }
  return reserve_file_ < files_.layout().count();
}

// Goes on by at most `left` bytes within one file, or to the next one. False when there is nothing
// more to be done for now.
bool PieceStore::reserve_step(std::uint64_t& left) {
  if (reserve_file_ >= files_.layout().count()) return false;
  const std::uint64_t length = files_.layout().length(reserve_file_);
  if (has_space_[reserve_file_] || reserve_at_ >= length) {
    ++reserve_file_;
    reserve_at_ = 0;
    return true;
  }
  const std::uint64_t step = std::min(left, length - reserve_at_);
  const FileSet::Handle file = storage_call([&] { return files_.get(reserve_file_); });
  if (::fallocate(file->get(), 0, static_cast<off_t>(reserve_at_), static_cast<off_t>(step)) == 0) {
    reserve_at_ += step;
    // A small file takes its time, too.
    left -= std::min(left, std::max<std::uint64_t>(step, kLeastReserveBytes));
    return true;
  }
  if (errno == EOPNOTSUPP || errno == ENOSYS) {
    reserve_file_ = files_.layout().count();
  } else if (errno != EINTR) {
    storage_call([&] { throw_errno("reserve " + path_of(reserve_file_)); });
  }
  return false;
}

// ---- Making durable ----

std::vector<std::uint32_t> PieceStore::take_dirty() {
  std::vector<std::uint32_t> dirty;
  MutexLock lock(mutex_);
  for (std::uint32_t file = 0; file < dirty_.size(); ++file) {
    if (dirty_[file]) dirty.push_back(file);
  }
  dirty_.assign(dirty_.size(), false);
  return dirty;
}

void PieceStore::sync() {
  const std::vector<std::uint32_t> dirty = take_dirty();
  try {
    // One call instead of thousands; it does the directories as well.
    if (names_unsynced_ || dirty.size() > kMostSyncedOneByOne) {
      directory_.sync_all();
      names_unsynced_ = false;
      return;
    }
    for (const std::uint32_t file : dirty) {
      if (mark_of(file).inode == 0) continue;
      if (::fdatasync(files_.get(file)->get()) < 0) throw_errno("sync " + path_of(file));
    }
  } catch (const std::system_error& error) {
    sync_failed_ = true;
    throw StorageError(error);
  }
}

void PieceStore::finish() {
  storage_call([&] {
    sync();
    require_intact();
    std::vector<FileMark> now = marks_now();
    directory_.rename(DownloadDir::part_name(torrent_.file_name), torrent_.file_name);
    MutexLock lock(mutex_);
    is_part_ = false;
    marks_ = std::move(now);
  });
}

// ---- Removing ----

bool PieceStore::exists() const {
  return directory_.exists(torrent_.file_name) ||
         directory_.exists(DownloadDir::part_name(torrent_.file_name));
}

std::string PieceStore::why_to_keep() const {
  if (is_part_) return path() + " is not complete";
  if (!is_intact()) return path() + " was changed or replaced";
  try {
    if (torrent_.is_tree() && holds_more()) return path() + " holds more than was fetched";
    for (std::uint32_t file = 0; file < files_.layout().count(); ++file) {
      const UniqueFd named = root().open_existing(name_in_root(file), O_RDONLY);
      struct stat status;
      if (!named.valid() || ::fstat(named.get(), &status) < 0 || status.st_nlink != 1) {
        return path_of(file) + " has other links, and removing it would free nothing";
      }
    }
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "";
}

// Is there anything in the directory that the torrent does not have?
bool PieceStore::holds_more() const {
  try {
    const SourceFiles there = source_directory(path());
    const auto same_path = [](const TreeFile& a, const TreeFile& b) { return a.path == b.path; };
    return there.empty_directories > 0 ||
           !std::equal(there.files.begin(), there.files.end(), torrent_.files.begin(),
                       torrent_.files.end(), same_path);
  } catch (const TorrentError&) {  // a link, or something else that cannot be ours
    return true;
  }
}

void PieceStore::remove() {
  storage_call([&] {
    if (torrent_.is_tree()) {
      std::vector<std::string> paths;
      for (const TreeFile& file : torrent_.files) paths.push_back(file.path);
      tree_->remove_below(paths);
      directory_.remove_directory(torrent_.file_name);
    } else {
      directory_.remove(torrent_.file_name);
    }
  });
  files_.close_all();
}

}  // namespace piecework::peer
