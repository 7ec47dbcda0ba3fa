// What the transfers of all torrents of one program share of the line: the limits of both
// directions, and how many peers are served at a time.
// Safe from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "peer/rate_limit.h"

namespace piecework::peer {

// Of one torrent. Many: a swarm of 8 to 16 hosts on one network is done in 1.03 to 1.07 of the
// least possible time when nobody in it has to wait for a slot, and in 1.11 with four slots. But
// not without bound, since every peer served has a thread that sends and a share of the line.
inline constexpr std::size_t kDefaultUploadSlots = 32;

// Where an upload limit would leave a peer less, fewer are served at a time: a frame that comes at
// less than 8 KiB/s is given up by who receives it (PROTOCOL.md section 5).
inline constexpr std::uint64_t kLeastShare = 16 << 10;  // bytes/s

class Bandwidth {
 public:
  struct Settings {
    std::size_t upload_slots = kDefaultUploadSlots;  // for each torrent, at least 1
    std::uint64_t upload_limit = 0;                  // bytes/s of pieces; 0: none
    std::uint64_t download_limit = 0;
  };

  explicit Bandwidth(const Settings& settings);

  // Holds at once, but for the upload slots: those are looked at when Swarm::tend() is called.
  void set(const Settings& settings);

  RateLimiter& upload() { return upload_; }
  RateLimiter& download() { return download_; }

  // How many peers of one torrent are served at a time; at least 1.
  std::size_t upload_slots() const;
  // One torrent more, or one fewer, has peers that want pieces of us: they share the upload limit.
  void torrent_wanted() { ++wanted_torrents_; }
  void torrent_unwanted() { --wanted_torrents_; }

 private:
  RateLimiter upload_;
  RateLimiter download_;
  std::atomic<std::size_t> upload_slots_;
  std::atomic<std::size_t> wanted_torrents_ = 0;
};

}  // namespace piecework::peer
