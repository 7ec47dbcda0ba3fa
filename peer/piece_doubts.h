// What is to be believed of the pieces when the files that they lie in have been found again: which
// are held without looking, which must be hashed. One piece may lie in several files.
// Pure functions and plain data; safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/bitfield.h"
#include "common/file_layout.h"
#include "common/piece_layout.h"

namespace piecework::peer {

// How a file was found, compared with what is remembered of it.
enum class FoundFile : std::uint8_t {
  kAsLeft,   // nothing was written since: what is remembered as verified is held, nothing else is
  kWritten,  // the same file, written to since: where it has data, there may be more
  kUnknown,  // another one, or changed, or nothing is remembered: all of it is in doubt
  kNothing,  // it was not there, or holds nothing
};

struct PieceDoubts {
  Bitfield trusted;   // pieces that need no hashing
  Bitfield in_doubt;  // pieces to be hashed before they count as held
};

// `found` has an entry for each file. `has_data` tells, of files that are kWritten, whether there
// may be data in a segment; it is asked in the order of the stream.
PieceDoubts judge_pieces(const PieceLayout& pieces, const FileLayout& files,
                         const std::vector<FoundFile>& found, const Bitfield& verified,
                         const std::function<bool(const FileLayout::Segment&)>& has_data);

}  // namespace piecework::peer
