#include "tests/support/sample_torrent.h"

#include <random>
#include <span>

#include "common/digest.h"

namespace piecework {

std::string_view SampleTorrent::piece(PieceIndex index) const {
  return std::string_view(content).substr(torrent.layout.offset(index),
                                          torrent.layout.length(index));
}

SampleTorrent sample_torrent(std::size_t length, std::uint32_t piece_length, HashForm form) {
  SampleTorrent sample;
  std::mt19937_64 random(length);
  sample.content.resize(length);
  for (char& c : sample.content) c = static_cast<char>(random());
  Torrent& torrent = sample.torrent;
  torrent.trackers = {{"127.0.0.1", 6666}};
  torrent.file_name = "sample.bin";
  torrent.layout = PieceLayout(length, piece_length);
  torrent.form = form;
  for (PieceIndex piece; piece < torrent.layout.end(); ++piece) {
    const auto data = std::as_bytes(std::span(sample.piece(piece)));
    torrent.piece_digests.push_back(digest_of(torrent.hash_kind(), data));
  }
  torrent.info_hash = compute_info_hash(torrent);
  return sample;
}

}  // namespace piecework
