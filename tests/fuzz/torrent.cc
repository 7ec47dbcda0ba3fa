#include "common/torrent.h"

#include "common/errors.h"
#include "common/torrent_signature.h"
#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {
namespace {

void must_be_sound(const Torrent& torrent) {
  must(!torrent.trackers.empty(), "there is a tracker");
  must(file_name_problem(torrent.file_name).empty(), "file_name is a plain name");
  must(torrent.layout.piece_length() >= 1 && torrent.layout.piece_length() <= kMaxPieceLength,
       "piece_length is within its bounds");
  must(torrent.layout.count() <= kMaxPieces, "there are no more pieces than the most");
  must(torrent.piece_digests.size() == torrent.layout.count(), "each piece has a digest");
  for (const Digest& digest : torrent.piece_digests) {
    must(digest.kind() == torrent.hash_kind(), "all digests are of one kind");
  }
}

}  // namespace

void fuzz_torrent(std::string_view input) {
  Torrent torrent;
  try {
    torrent = parse_torrent(input);
  } catch (const TorrentError&) {
    return;
  }
  must_be_sound(torrent);
  const Torrent again = parse_torrent(format_torrent(torrent));
  must(again.trackers == torrent.trackers && again.comment == torrent.comment &&
           again.file_name == torrent.file_name && again.files == torrent.files &&
           again.form == torrent.form &&
           again.layout.file_length() == torrent.layout.file_length() &&
           again.layout.piece_length() == torrent.layout.piece_length() &&
           again.piece_digests == torrent.piece_digests && again.info_hash == torrent.info_hash &&
           signer_of(again) == signer_of(torrent) &&
           signature_problem(again) == signature_problem(torrent),
       "a torrent is written as it was read");
}

}  // namespace piecework::fuzz
