#include "peer/hash_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>

#include "common/mutex.h"
#include "common/threads.h"

namespace piecework::peer {
namespace {

// Large enough that the call does not count, small enough to stay in the core's cache until hashed.
constexpr std::size_t kReadBytes = 256 << 10;

// One run over a stream of bytes. Safe from the threads of that run.
class HashRun {
 public:
  // Called by any thread, once a piece: its index, and its digest unless the stream ends within it.
  using Sink = std::function<void(PieceIndex, const std::optional<Digest>&)>;

  HashRun(const ReadAt& read, const PieceLayout& layout, HashKind kind,
          std::vector<PieceIndex> pieces, const HashOptions& options, Sink sink)
      : read_(read),
        layout_(layout),
        kind_(kind),
        pieces_(std::move(pieces)),
        options_(options),
        sink_(std::move(sink)) {}

  // False when cancelled. Rethrows the first error of a thread.
  bool run() EXCLUDES(mutex_) {
    std::vector<std::thread> helpers;
    try {
      // The caller's thread is one of them.
      for (std::size_t i = 1; i < thread_count(); ++i) {
        helpers.push_back(start_thread("hash", [this] { work(); }));
      }
    } catch (const std::system_error&) {
      // Fewer threads take longer, that is all.
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    MutexLock lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    return !cancelled();
  }

 private:
  std::size_t thread_count() const {
    const unsigned wanted =
        options_.threads != 0 ? options_.threads : std::thread::hardware_concurrency();
    return std::min<std::size_t>(std::max(wanted, 1U), pieces_.size());
  }

  bool cancelled() const {
    return options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed);
  }

  void work() EXCLUDES(mutex_) {
    try {
      Hasher hasher(kind_);
      std::vector<std::byte> buffer(std::min<std::size_t>(kReadBytes, layout_.piece_length()));
      while (!failed_.load(std::memory_order_relaxed)) {
        const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
        if (i >= pieces_.size() || !hash_piece(pieces_[i], hasher, buffer)) return;
      }
    } catch (...) {
      failed_.store(true, std::memory_order_relaxed);
      MutexLock lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  static void report(const std::function<void(std::uint64_t)>& to, std::uint64_t bytes) {
    if (to) to(bytes);
  }

  // False when cancelled.
  bool hash_piece(PieceIndex piece, Hasher& hasher, std::span<std::byte> buffer) {
    std::uint64_t offset = layout_.offset(piece);
    std::uint64_t left = layout_.length(piece);
    while (left > 0) {
      if (cancelled()) return false;
      const std::size_t step = std::min<std::uint64_t>(left, buffer.size());
      const std::size_t bytes = read_(offset, buffer.first(step));
      hasher.update(buffer.first(bytes));
      offset += bytes;
      left -= bytes;
      report(bytes > 0 || !options_.on_missing ? options_.on_progress : options_.on_missing,
             bytes > 0 ? bytes : left);
      if (bytes == 0) break;
    }
    const Digest digest = hasher.finish();
    sink_(piece, left == 0 ? std::optional(digest) : std::nullopt);
    return true;
  }

  const ReadAt& read_;
  const PieceLayout layout_;
  const HashKind kind_;
  const std::vector<PieceIndex> pieces_;
  const HashOptions& options_;
  const Sink sink_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};

  Mutex mutex_;
  std::exception_ptr error_ GUARDED_BY(mutex_);
};

std::vector<PieceIndex> all_pieces(const PieceLayout& layout) {
  std::vector<PieceIndex> pieces;
  pieces.reserve(layout.count());
  for (PieceIndex piece; piece < layout.end(); ++piece) pieces.push_back(piece);
  return pieces;
}

std::optional<Bitfield> verify(const ReadAt& read, const Torrent& torrent,
                               std::vector<PieceIndex> pieces, const HashOptions& options) {
  // A byte a piece: threads may write to neighbouring ones, which they may not to bits.
  std::vector<char> good(torrent.layout.count());
  HashRun run(read, torrent.layout, torrent.hash_kind(), std::move(pieces), options,
              [&](PieceIndex piece, const std::optional<Digest>& digest) {
                good[piece.value()] = digest == torrent.digest(piece);
              });
  if (!run.run()) return std::nullopt;
  Bitfield held(torrent.layout.count());
  for (PieceIndex piece; piece < torrent.layout.end(); ++piece) {
    if (good[piece.value()] != 0) held.set(piece);
  }
  return held;
}

}  // namespace

ReadAt reader_of(int fd) {
  return [fd](std::uint64_t offset, std::span<std::byte> buffer) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got < 0) throw std::system_error(errno, std::generic_category(), "pread");
    return static_cast<std::size_t>(got);
  };
}

std::optional<std::vector<Digest>> hash_pieces(const ReadAt& read, const PieceLayout& layout,
                                               HashKind kind, const HashOptions& options) {
  std::vector<Digest> digests(layout.count());
  HashRun run(read, layout, kind, all_pieces(layout), options,
              [&](PieceIndex piece, const std::optional<Digest>& digest) {
                if (!digest) {
                  throw std::system_error(EIO, std::generic_category(),
                                          "the file ends earlier than it said");
                }
                digests[piece.value()] = *digest;
              });
  if (!run.run()) return std::nullopt;
  return digests;
}

std::optional<Bitfield> verify_pieces(const ReadAt& read, const Torrent& torrent,
                                      const HashOptions& options) {
  return verify(read, torrent, all_pieces(torrent.layout), options);
}

std::optional<Bitfield> verify_pieces(const ReadAt& read, const Torrent& torrent,
                                      const Bitfield& which, const HashOptions& options) {
  std::vector<PieceIndex> pieces;
  for (PieceIndex piece; piece < torrent.layout.end(); ++piece) {
    if (which.has(piece)) pieces.push_back(piece);
  }
  return verify(read, torrent, std::move(pieces), options);
}

}  // namespace piecework::peer
