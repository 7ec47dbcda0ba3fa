// What the connections of one torrent may use of the line: limits of their own, and those that all
// torrents share. Both hold.
// TorrentBandwidth is safe from any thread; Turns belongs to one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "peer/bandwidth.h"
#include "peer/rate_limit.h"

namespace piecework::peer {

class TorrentBandwidth {
 public:
  struct Rates {  // bytes/s of pieces; 0: none but the shared one
    std::uint64_t upload = 0;
    std::uint64_t download = 0;
    bool operator==(const Rates&) const = default;
  };

  // `shared` must outlive this object.
  TorrentBandwidth(Bandwidth& shared, Rates own);

  Rates rates() const { return {upload_.rate(), download_.rate()}; }
  // Holds at once, but for the upload slots: those are looked at when Swarm::tend() is called.
  void set_rates(Rates rates);

  Bandwidth& shared() { return shared_; }

  // How many peers of this torrent are served at a time; at least 1.
  std::size_t upload_slots() const;

  // For who has just set `cancelled` of Turns::take().
  void wake();

  // Of one connection in one direction: takes from the torrent's limit, and what that has granted
  // from the shared one, so that who waits for its own torrent's limit holds nobody else up.
  class Turns {
   public:
    Turns(RateLimiter& own, RateLimiter& shared) : own_(own), shared_(shared) {}
    // As RateLimiter's. Bytes of the torrent's grant that the shared limit did not grant at once
    // come with the next call.
    RateLimiter::Grant take(std::uint64_t wanted, const std::atomic<bool>& cancelled);

   private:
    RateLimiter& own_;
    RateLimiter& shared_;
    std::uint64_t granted_ = 0;  // by own_, and not yet by shared_
  };
  Turns upload_turns() { return {upload_, shared_.upload()}; }
  Turns download_turns() { return {download_, shared_.download()}; }

 private:
  Bandwidth& shared_;
  RateLimiter upload_;
  RateLimiter download_;
};

}  // namespace piecework::peer
