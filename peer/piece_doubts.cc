#include "peer/piece_doubts.h"

namespace piecework::peer {

PieceDoubts judge_pieces(const PieceLayout& pieces, const FileLayout& files,
                         const std::vector<FoundFile>& found, const Bitfield& verified,
                         const std::function<bool(const FileLayout::Segment&)>& has_data) {
  PieceDoubts doubts{Bitfield(pieces.count()), Bitfield(pieces.count())};
  for (PieceIndex piece; piece < pieces.end(); ++piece) {
    bool believed = verified.has(piece);
    bool missing = false;
    bool maybe = false;  // there may be something that nobody has noted
    files.for_each_segment(pieces.offset(piece), pieces.length(piece),
                           [&](const FileLayout::Segment& part) {
                             const FoundFile file = found[part.file];
                             if (file == FoundFile::kNothing) missing = true;
                             if (file == FoundFile::kUnknown) maybe = true;
                             if (file == FoundFile::kUnknown) believed = false;
                             if (file != FoundFile::kWritten || verified.has(piece)) return;
                             if (has_data(part)) maybe = true;
                           });
    if (missing) continue;
    if (believed) {
      doubts.trusted.set(piece);
    } else if (maybe) {
      doubts.in_doubt.set(piece);
    }
  }
  return doubts;
}

}  // namespace piecework::peer
