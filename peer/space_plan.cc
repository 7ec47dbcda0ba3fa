#include "peer/space_plan.h"

#include <algorithm>
#include <limits>

namespace piecework::peer {
namespace {

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

}  // namespace

SpacePlan plan_space(const SpaceMarks& marks, std::uint64_t free_bytes,
                     std::span<const RemovableDownload> downloads) {
  SpacePlan plan;
  std::vector<RemovableDownload> staying;
  for (const RemovableDownload& download : downloads) {
    if (download.leaving) {
      free_bytes = sum(free_bytes, download.bytes);
    } else {
      staying.push_back(download);
    }
  }
  if (free_bytes >= marks.low) return plan;
  std::sort(staying.begin(), staying.end(),
            [](const RemovableDownload& a, const RemovableDownload& b) {
              return a.completed_at != b.completed_at ? a.completed_at < b.completed_at
                                                      : a.info_hash < b.info_hash;
            });
  const std::uint64_t goal = std::max(marks.low, marks.high);
  for (const RemovableDownload& download : staying) {
    if (free_bytes >= goal) break;
    if (download.bytes == 0) continue;
    free_bytes = sum(free_bytes, download.bytes);
    plan.remove.push_back(download.info_hash);
  }
  plan.enough = free_bytes >= goal;
  return plan;
}

}  // namespace piecework::peer
