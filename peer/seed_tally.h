// How much one torrent has been seeded, in all runs of the daemon together, and where its file
// comes from: what the limits on seeding look at, kept with the resume state. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace piecework::peer {

struct SeedRecord {
  bool fetched = false;          // the whole file, by this daemon
  std::uint64_t uploaded = 0;    // bytes of pieces
  milliseconds seeded{0};        // for so long it was served while complete
  milliseconds completed_at{0};  // since 1970, by the wall clock; 0: not by this daemon
  bool removed = false;          // to make space: not to be fetched until somebody asks for it

  bool operator==(const SeedRecord&) const = default;
};

// Where a file that was opened comes from.
enum class FileOrigin {
  kMade,     // it is new, and empty
  kKnown,    // the saved state tells of it, and, if under the final name, it has not changed since
  kUnknown,  // for all we know, somebody else has put it there
};

class SeedTally {
 public:
  // The file has been opened. `saved` is what was remembered of it, and counts only the first time:
  // afterwards this object knows better. A file that was made is a new beginning.
  void open(FileOrigin origin, const SeedRecord& saved);

  // From now on it takes part; from now on it does not.
  void start(TimePoint now) { counted_until_ = now; }
  void pause() { counted_until_.reset(); }
  // Adds what has been sent, and the time since start() or the last call when the file was
  // `complete` all that time and it takes part. `uploaded`: bytes since this object was made.
  void count(std::uint64_t uploaded, bool complete, TimePoint now);
  // The last piece has been verified; by the wall clock, since 1970.
  void complete(milliseconds now) { record_.completed_at = now; }

  // It may be that somebody else wants the file.
  void disown() { record_.fetched = false; }
  void set_removed(bool removed) { record_.removed = removed; }

  const SeedRecord& record() const { return record_; }

  // Has something been sent since mark_saved()?
  bool has_news() const { return record_.uploaded != saved_uploaded_; }
  void mark_saved() { saved_uploaded_ = record_.uploaded; }

 private:
  SeedRecord record_;
  bool opened_ = false;
  std::uint64_t seen_uploaded_ = 0;
  std::uint64_t saved_uploaded_ = 0;
  std::optional<TimePoint> counted_until_;
};

}  // namespace piecework::peer
