// The file of one torrent on disk: NAME.part while pieces are missing, NAME once all have verified.
// Knows nothing of sockets or of which pieces are held.
// After open(), write_piece(), file() and path() are safe from any thread; the rest belongs to the
// torrent's own thread, and open() again to when no other uses the file.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/torrent.h"
#include "common/unique_fd.h"
#include "peer/download_dir.h"
#include "peer/file_mark.h"
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
    FileOrigin origin = FileOrigin::kUnknown;
  };

  // Opens NAME, else NAME.part, else makes NAME.part in its full length. `state` is what was saved
  // of it. Throws StorageError, also when NAME or NAME.part is there but cannot be of this torrent,
  // or when it does not fit and leave min_free_bytes free. May be called again, to start over.
  Opened open(const std::optional<ResumeState>& state);

  // Has somebody else written to the file since open()? Of use as long as nothing is written here.
  bool changed_since_opened() const;

  // Forgets what the kernel holds of the file, where it can, so that what is read comes from the
  // disk.
  void read_from_disk() const;

  // The file under its final name has not proved to be complete: makes it NAME.part again, with the
  // pieces that are `held`, to be written to. It is renamed, or, where it has other names (hard
  // links) or may not be written to, copied and removed. Throws StorageError, and then it is as it
  // was: no piece is held, it was changed since open(), NAME.part is there, no space. When no other
  // uses the file.
  void take_back(const Bitfield& held);

  // Reserves the space of a part, a good deal of it a call (fallocate(2), where the file system
  // can): of a big file it takes a while, in which pieces may come. True until all is reserved.
  // Throws StorageError.
  bool reserve_more();

  // Writes all of `piece`; data.size() is its length. Throws StorageError.
  void write_piece(PieceIndex piece, std::span<const std::byte> data);

  // For reading and sendfile(2); stays the same until open() is called again.
  int file() const { return file_.get(); }
  std::uint64_t offset(PieceIndex piece) const { return torrent_.layout.offset(piece); }
  std::uint32_t length(PieceIndex piece) const { return torrent_.layout.length(piece); }
  bool is_part() const { return is_part_; }
  std::string path() const;
  // Is what was opened still there under its name, as long as it was, and (under the final name)
  // unchanged?
  bool is_intact() const;

  // Makes everything written so far durable. Throws StorageError; then what has been written since
  // the last time it succeeded may be lost, whatever a later call says (fsync(2)).
  void sync();
  bool may_have_lost_writes() const { return sync_failed_; }

  // Syncs and gives the complete file its final name. Throws StorageError.
  void finish();

  // Is there a file, under either name?
  bool exists() const;
  // Why the complete file is not to be removed: somebody has changed, replaced or linked it since
  // it was opened. Empty when nothing is in the way.
  std::string why_to_keep() const;
  // Removes and closes it; nobody uses it any more. Throws StorageError.
  void remove();

  // What to remember now. `verified` must have been durable by the last sync().
  ResumeState state(const Bitfield& verified, bool clean) const;

 private:
  Opened open_complete(const std::optional<ResumeState>& state);
  Opened open_part(const std::optional<ResumeState>& state);
  void resize();
  Bitfield pieces_with_data(const Bitfield& except) const;
  FileOrigin origin(const std::optional<ResumeState>& state) const;
  UniqueFd open_to_write() const;
  UniqueFd copy_to_part(const Bitfield& held) const;
  void copy_piece(PieceIndex piece, int to) const;
  FileMark mark() const { return FileMark::of(file_.get(), path()); }

  const DownloadDir& directory_;
  const Torrent& torrent_;
  const std::uint64_t min_free_bytes_;
  UniqueFd file_;
  FileMark mark_;               // as it was opened, or finished
  std::uint64_t reserved_ = 0;  // bytes of the file, from its start
  std::uint64_t reserve_step_ = 0;
  bool sync_failed_ = false;
  std::atomic<bool> is_part_ = true;
};

}  // namespace piecework::peer
