// What one torrent has on disk: NAME.part while pieces are missing, NAME once all have verified; a
// file, or a directory with all the files of the torrent in it. Knows nothing of sockets or of
// which pieces are held. After open(), write_piece(), for_each_part(), read() and path() are safe
// from any thread; the rest belongs to the torrent's own thread, and open() again to when no other
// uses the files.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/torrent.h"
#include "common/unique_fd.h"
#include "peer/download_dir.h"
#include "peer/file_mark.h"
#include "peer/file_set.h"
#include "peer/piece_doubts.h"
#include "peer/resume_state.h"

namespace piecework::peer {

// The disk refused, or what lies there is not what it should be; what() names call and path. The
// torrent stops until trying again works.
class StorageError : public std::system_error {
 public:
  explicit StorageError(const std::system_error& cause) : std::system_error(cause) {}
  StorageError(std::errc code, const std::string& what)
      : std::system_error(std::make_error_code(code), what) {}
};

class PieceStore {
 public:
  // `min_free_bytes` are left free on the file system.
  PieceStore(const DownloadDir& directory, const Torrent& torrent, std::uint64_t min_free_bytes);

  struct Opened {
    Bitfield trusted;   // pieces that need no hashing
    Bitfield in_doubt;  // pieces to be hashed before they count as held
    bool final_name;    // found as NAME, not as NAME.part
    // Files of a directory found as NAME that are not there or have another length.
    std::uint32_t wrong_files = 0;
    FileOrigin origin = FileOrigin::kUnknown;
  };

  // Opens NAME, else NAME.part, else makes NAME.part with all its files in their full length.
  // `state` is what was saved of it. Throws StorageError, also when something is there that cannot
  // be of this torrent, when it does not fit and leave min_free_bytes free, or when descriptors run
  // short. May be called again, to start over.
  Opened open(const std::optional<ResumeState>& state);

  // Has somebody else written to it since open()? Of use as long as nothing is written here.
  bool changed_since_opened() const;

  // Forgets what the kernel holds of the files, where it can, so that what is read comes from the
  // disk.
  void read_from_disk();

  // What lies there under its final name has not proved to be complete: makes it NAME.part again,
  // with the pieces that are `held`, to be written to. It is renamed, or, where a single file has
  // other names (hard links) or may not be written to, copied and removed. Throws StorageError, and
  // then it is as it was: no piece is held, it was changed since open(), NAME.part is there, no
  // space, a file in a directory is too long or not for us to write to. When no other uses the
  // files.
  void take_back(const Bitfield& held);

  // Reserves the space of a part, a good deal of it a call (fallocate(2), where the file system
  // can): of a big file it takes a while, in which pieces may come. True until all is reserved.
  // Throws StorageError.
  bool reserve_more();

  // Writes all of `piece`; data.size() is its length. Throws StorageError.
  void write_piece(PieceIndex piece, std::span<const std::byte> data);

  // Calls `visit(fd, offset in the file, bytes)` for each part of `length` bytes from `offset` of
  // `piece` that lies in one file, in order: for sendfile(2). Throws StorageError.
  template <typename Visit>
  void for_each_part(PieceIndex piece, std::uint64_t offset, std::uint64_t length, Visit visit) {
    files_.for_each_part(torrent_.layout.offset(piece) + offset, length, visit);
  }

  // Reads from `offset` of all files, one behind the other, as ReadAt (hash_file.h) wants it.
  // Throws StorageError.
  std::size_t read(std::uint64_t offset, std::span<std::byte> buffer);

  std::uint32_t length(PieceIndex piece) const { return torrent_.layout.length(piece); }
  bool is_part() const { return is_part_; }
  std::string path() const;
  // Is what was opened still there under its name, as long as it was, and (under the final name)
  // unchanged? False, too, when nobody can look.
  bool is_intact() const;
  // Throws StorageError unless it is: ESTALE, or why nobody can look.
  void require_intact() const;

  // Makes everything written so far durable. Throws StorageError; then what has been written since
  // the last time it succeeded may be lost, whatever a later call says (fsync(2)).
  void sync();
  bool may_have_lost_writes() const { return sync_failed_; }

  // Syncs and gives what is complete its final name. Throws StorageError.
  void finish();

  // Is there something, under either name?
  bool exists() const;
  // Why what is complete is not to be removed: somebody has changed, replaced or linked it since it
  // was opened, or put something else into the directory. Empty when nothing is in the way.
  std::string why_to_keep() const;
  // Removes and closes it; nobody uses it any more. Throws StorageError.
  void remove();

  // What to remember now. `verified` must have been durable by the last sync().
  ResumeState state(const Bitfield& verified, bool clean) const;

 private:
  bool find_complete();
  Opened open_complete(const std::optional<ResumeState>& state);
  Opened open_part(const std::optional<ResumeState>& state);
  void open_part_directory();
  std::vector<FoundFile> prepare(const std::optional<ResumeState>& state, std::uint32_t& made);
  FoundFile look_at_file(std::uint32_t file, const std::optional<ResumeState>& state,
                         std::uint64_t& needed);
  void require_space(std::uint64_t bytes) const;
  bool prepare_file(std::uint32_t file);
  Opened judge(const std::vector<FoundFile>& found, const std::optional<ResumeState>& state);
  FileOrigin origin(const std::optional<ResumeState>& state) const EXCLUDES(mutex_);
  UniqueFd open_file(std::uint32_t file) const EXCLUDES(mutex_);
  bool reserve_step(std::uint64_t& left);
  bool may_be_written(std::uint32_t file) const;
  void require_ours_to_write() const;
  void copy_to_part(const Bitfield& held);
  void copy_piece(PieceIndex piece, int to);
  bool holds_more() const;
  std::vector<std::uint32_t> take_dirty() EXCLUDES(mutex_);
  const DownloadDir& root() const { return tree_ ? *tree_ : directory_; }
  std::string name_in_root(std::uint32_t file) const;
  std::string path_of(std::uint32_t file) const;
  FileMark mark_of(std::uint32_t file) const EXCLUDES(mutex_);
  FileMark mark_now(std::uint32_t file) const;
  bool is_as_known() const;
  std::vector<FileMark> marks_now() const EXCLUDES(mutex_);
  std::vector<FileMark> marks() const EXCLUDES(mutex_);

  const DownloadDir& directory_;
  const Torrent& torrent_;
  const std::uint64_t min_free_bytes_;
  std::unique_ptr<DownloadDir> tree_;  // what the files are in, if the torrent is a directory's
  FileSet files_;
  std::vector<bool> has_space_;     // files whose space is reserved
  std::uint32_t reserve_file_ = 0;  // in which space is to be reserved next,
  std::uint64_t reserve_at_ = 0;    // from there on
  std::uint64_t reserve_step_ = 0;
  bool names_unsynced_ = false;  // those in the directory of a part
  bool sync_failed_ = false;
  std::atomic<bool> is_part_ = true;

  mutable Mutex mutex_;
  std::vector<FileMark> marks_ GUARDED_BY(mutex_);  // as they were opened, or finished
  std::vector<bool> dirty_ GUARDED_BY(mutex_);      // files to be synced
};

}  // namespace piecework::peer
