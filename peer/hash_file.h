// The piece hashes of a file, made on all cores: every thread takes the next piece, reads it in
// small steps and hashes it. Memory is a small buffer a thread, whatever the piece length.
// Stateless; safe from any thread. The threads started here are joined before a call returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "common/digest.h"
#include "common/piece_layout.h"
#include "common/torrent.h"

namespace piecework::peer {

struct HashOptions {
  unsigned threads = 0;                            // 0: one a core
  const std::atomic<bool>* cancelled = nullptr;    // looked at after each step of reading
  std::function<void(std::uint64_t)> on_progress;  // bytes hashed since its last call; any thread
};

// The digests of all pieces of the open file `fd`. Nothing when cancelled. Throws std::system_error
// when a read fails, or finds the file shorter than `layout` says (then EIO).
std::optional<std::vector<Digest>> hash_pieces(int fd, const PieceLayout& layout, HashKind kind,
                                               const HashOptions& options);

// Which pieces of the open file `fd` are what `torrent` says. A piece that is not there whole is
// not. Nothing when cancelled. Throws std::system_error when a read fails.
std::optional<Bitfield> verify_pieces(int fd, const Torrent& torrent, const HashOptions& options);

// The same for the pieces in `which` only; the others are reported as not held.
std::optional<Bitfield> verify_pieces(int fd, const Torrent& torrent, const Bitfield& which,
                                      const HashOptions& options);

}  // namespace piecework::peer
