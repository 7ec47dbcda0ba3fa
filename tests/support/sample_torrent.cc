#include "tests/support/sample_torrent.h"

#include <random>
#include <span>
#include <utility>

#include "common/digest.h"

namespace piecework {

std::string_view SampleTorrent::piece(PieceIndex index) const {
  return std::string_view(content).substr(torrent.layout.offset(index),
                                          torrent.layout.length(index));
}

std::string_view SampleTorrent::file(std::uint32_t index) const {
  const FileLayout layout = file_layout(torrent);
  return std::string_view(content).substr(layout.offset(index), layout.length(index));
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

SampleTorrent sample_tree(std::vector<TreeFile> files, std::uint32_t piece_length) {
  std::size_t length = 0;
  for (const TreeFile& file : files) length += file.length;
  SampleTorrent sample = sample_torrent(length, piece_length);
  sample.torrent.file_name = "tree";
  sample.torrent.files = std::move(files);
  sample.torrent.info_hash = compute_info_hash(sample.torrent);
  return sample;
}

}  // namespace piecework
