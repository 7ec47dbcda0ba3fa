// The piece hashes of a file, or of several that make one stream of bytes, made on all cores: every
// thread takes the next piece, reads it in small steps and hashes it. Memory is a small buffer a
// thread, whatever the piece length.
// Stateless; safe from any thread. The threads started here are joined before a call returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
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
  // Bytes of a piece that are passed over, because they are not there; else on_progress has them.
  std::function<void(std::uint64_t)> on_missing = {};
};

// Reads what lies at `offset` of the stream into the front of `buffer`, and says how many bytes: at
// least one, unless there is nothing (any more), then 0. Called by any thread. Throws
// std::system_error when it cannot be read.
using ReadAt = std::function<std::size_t(std::uint64_t offset, std::span<std::byte> buffer)>;

// Of the open file `fd` (pread(2)).
ReadAt reader_of(int fd);

// The digests of all pieces that `read` gives. Nothing when cancelled. Throws std::system_error
// when a read fails, or finds less than `layout` says (then EIO).
std::optional<std::vector<Digest>> hash_pieces(const ReadAt& read, const PieceLayout& layout,
                                               HashKind kind, const HashOptions& options);

// Which pieces that `read` gives are what `torrent` says. A piece that is not there whole is not.
// Nothing when cancelled. Throws std::system_error when a read fails.
std::optional<Bitfield> verify_pieces(const ReadAt& read, const Torrent& torrent,
                                      const HashOptions& options);

// The same for the pieces in `which` only; the others are reported as not held.
std::optional<Bitfield> verify_pieces(const ReadAt& read, const Torrent& torrent,
                                      const Bitfield& which, const HashOptions& options);

}  // namespace piecework::peer
