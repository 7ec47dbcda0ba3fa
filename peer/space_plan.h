// Which complete downloads go when space is short, like the files of a cache: below a low mark the
// oldest ones, until as much as the high mark would be free.
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/clock.h"
#include "common/torrent.h"

namespace piecework::peer {

struct SpaceMarks {
  std::uint64_t low = 0;   // bytes free; 0: nothing is ever removed
  std::uint64_t high = 0;  // no less than low counts
};

// One that may be removed: fetched by this daemon, complete and unchanged.
struct RemovableDownload {
  InfoHash info_hash;
  std::uint64_t bytes = 0;
  milliseconds completed_at{0};  // since 1970
  bool leaving = false;          // it has been told to go already, and its bytes count as free
};

struct SpacePlan {
  std::vector<InfoHash> remove;  // oldest first
  bool enough = true;            // with these gone `high` is free
};

SpacePlan plan_space(const SpaceMarks& marks, std::uint64_t free_bytes,
                     std::span<const RemovableDownload> downloads);

}  // namespace piecework::peer
