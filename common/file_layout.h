// Where the bytes of a torrent lie: its files, one behind the other, are one stream of bytes, which
// the pieces cut without regard to where a file ends (BEP 3, "multiple file case"). A single file
// is the stream of one.
// Immutable values; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace piecework {

class FileLayout {
 public:
  // Bytes that lie together in one file: `length` of them, at least 1, from `offset` in the file.
  struct Segment {
    std::uint32_t file;  // its place in the order
    std::uint64_t offset;
    std::uint64_t length;
    bool operator==(const Segment&) const = default;
  };

  FileLayout() = default;
  // The lengths of the files, in order; together less than 2^64.
  explicit FileLayout(const std::vector<std::uint64_t>& lengths);

  std::uint32_t count() const { return static_cast<std::uint32_t>(ends_.size()); }
  std::uint64_t total() const { return ends_.empty() ? 0 : ends_.back(); }
  std::uint64_t offset(std::uint32_t file) const { return file == 0 ? 0 : ends_[file - 1]; }
  std::uint64_t length(std::uint32_t file) const { return ends_[file] - offset(file); }

  // The first part of the `most` bytes from `offset` of the stream that lies in one file; nothing
  // when `most` is 0 or the stream ends before `offset`. Files without bytes are passed over.
  std::optional<Segment> segment(std::uint64_t offset, std::uint64_t most) const;

  // All parts of the `length` bytes from `offset`, in order, as far as the stream goes.
  template <typename Visit>
  void for_each_segment(std::uint64_t offset, std::uint64_t length, Visit visit) const {
    while (const auto part = segment(offset, length)) {
      visit(*part);
      offset += part->length;
      length -= part->length;
    }
  }

 private:
  std::vector<std::uint64_t> ends_;  // of each file, in the stream
};

}  // namespace piecework
