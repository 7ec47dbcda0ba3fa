// A torrent file: what it says, whether it may be believed, and how it is written (PROTOCOL.md
// section 3).
// A Torrent is immutable once parsed; safe from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/digest.h"
#include "common/endpoint.h"
#include "common/file_layout.h"
#include "common/file_names.h"
#include "common/piece_layout.h"
#include "common/signing.h"
#include "common/tree_files.h"

namespace piecework {

// Names a swarm: SHA-256 over name, lengths and piece digests (PROTOCOL.md section 3).
class InfoHash {
 public:
  InfoHash() = default;
  explicit InfoHash(const std::array<std::byte, 32>& bytes) : bytes_(bytes) {}
  static std::optional<InfoHash> parse_hex(std::string_view text);  // exactly 64 hex digits
  std::string to_hex() const;                                       // 64 digits, lower case
  std::string to_short_hex() const;                                 // the first 8, for log lines
  const std::array<std::byte, 32>& bytes() const { return bytes_; }
  auto operator<=>(const InfoHash&) const = default;

 private:
  std::array<std::byte, 32> bytes_{};
};

// How the file spells its piece hashes.
enum class HashForm { kSha256, kSha1, kOriginal };

// Bounds of PROTOCOL.md section 3.
inline constexpr std::uint64_t kMaxTorrentBytes = 128ULL << 20;
inline constexpr std::uint32_t kMaxPieces = 1U << 20;
inline constexpr std::uint32_t kMaxPieceLength = 64U << 20;
inline constexpr std::uint32_t kMaxOriginalPieceLength = 256U << 10;  // when we make one

// Who says that a torrent is his. Whether that is so: torrent_signature.h.
struct TorrentSignature {
  VerifyKey key;
  Signature value;
};

struct Torrent {
  std::vector<HostPort> trackers;  // at least one; tried in this order
  std::string comment;
  std::string file_name;        // of the file, or of the directory
  std::vector<TreeFile> files;  // of the directory, in the order of their paths; else none
  PieceLayout layout;
  HashForm form = HashForm::kSha256;
  std::vector<Digest> piece_digests;  // layout.count() of them, all of one kind
  InfoHash info_hash;
  std::optional<TorrentSignature> signature;  // right or wrong

  bool is_tree() const { return !files.empty(); }
  const Digest& digest(PieceIndex piece) const { return piece_digests[piece.value()]; }
  HashKind hash_kind() const {
    return form == HashForm::kSha256 ? HashKind::kSha256 : HashKind::kSha1;
  }
};

// Parses the text of a torrent file. Throws TorrentError naming the key or the offset.
Torrent parse_torrent(std::string_view text);

// Reads and parses a file, at most kMaxTorrentBytes of it. Throws TorrentError, or
// std::system_error when it cannot be read.
Torrent read_torrent(const std::string& path);

// The text of the file for `torrent`; parse_torrent() of it gives the same torrent again.
std::string format_torrent(const Torrent& torrent);

// info_hash of name, files, layout and digests (PROTOCOL.md section 3).
InfoHash compute_info_hash(const Torrent& torrent);

// The files whose bytes the pieces are: those of a directory, or the single one.
FileLayout file_layout(const Torrent& torrent);

// A power of two from 64 KiB to 16 MiB that cuts `file_length` into 1,000–2,000 pieces where that
// is possible; at most 256 KiB for the original form.
std::uint32_t choose_piece_length(std::uint64_t file_length, bool original_form);

}  // namespace piecework

template <>
struct std::hash<piecework::InfoHash> {
  std::size_t operator()(const piecework::InfoHash& info_hash) const noexcept;
};
