#include "peer/seed_tally.h"

#include <utility>

namespace piecework::peer {

void SeedTally::open(FileOrigin origin, const SeedRecord& saved) {
  if (!std::exchange(opened_, true)) {
    record_ = saved;
    mark_saved();
  }
  record_.removed = false;
  if (origin == FileOrigin::kMade) {
    record_ = {.fetched = true};
  } else if (origin == FileOrigin::kUnknown) {
    record_.fetched = false;
  }
}

void SeedTally::count(std::uint64_t uploaded, bool complete, TimePoint now) {
  record_.uploaded += uploaded - std::exchange(seen_uploaded_, uploaded);
  if (!counted_until_) return;
  const auto passed = std::chrono::floor<milliseconds>(now - *counted_until_);
  *counted_until_ += passed;
  if (complete) record_.seeded += passed;
}

}  // namespace piecework::peer
