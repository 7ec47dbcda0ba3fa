#include "common/file_layout.h"

#include <algorithm>

namespace piecework {

FileLayout::FileLayout(const std::vector<std::uint64_t>& lengths) {
  ends_.reserve(lengths.size());
  std::uint64_t end = 0;
  for (const std::uint64_t length : lengths) {
    end += length;
    ends_.push_back(end);
  }
}

std::optional<FileLayout::Segment> FileLayout::segment(std::uint64_t offset,
                                                       std::uint64_t most) const {
  if (most == 0 || offset >= total()) return std::nullopt;
  const auto found = std::upper_bound(ends_.begin(), ends_.end(), offset);
  const auto file = static_cast<std::uint32_t>(found - ends_.begin());
  return Segment{file, offset - this->offset(file), std::min(most, *found - offset)};
}

}  // namespace piecework
