// A torrent and the file it is about, made for a test.
// Plain data: one thread at a time, or shared while nobody changes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/torrent.h"

namespace piecework {

struct SampleTorrent {
  std::string content;
  Torrent torrent;

  std::string_view piece(PieceIndex index) const;
  std::string_view file(std::uint32_t index) const;
};

// `length` bytes that look random, the same in every run, called "sample.bin".
SampleTorrent sample_torrent(std::size_t length, std::uint32_t piece_length,
                             HashForm form = HashForm::kSha256);

// The same of a directory called "tree" with these files, in pieces of `piece_length`; `content` is
// all of them, one behind the other.
SampleTorrent sample_tree(std::vector<TreeFile> files, std::uint32_t piece_length);

}  // namespace piecework
