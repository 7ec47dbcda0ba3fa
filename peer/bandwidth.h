// What the transfers of all torrents of one program share of the line.
// Safe from any thread.
#pragma once

#include <atomic>
#include <cstddef>

namespace piecework::peer {

// Of one torrent. Many: a swarm of 8 to 16 hosts on one network is done in 1.03 to 1.07 of the
// least possible time when nobody in it has to wait for a slot, and in 1.11 with four slots. But
// not without bound, since every peer served has a thread that sends and a share of the line.
inline constexpr std::size_t kDefaultUploadSlots = 32;

class Bandwidth {
 public:
  explicit Bandwidth(std::size_t upload_slots = kDefaultUploadSlots)
      : upload_slots_(upload_slots) {}

  // How many peers of one torrent are served at a time; at least 1.
  std::size_t upload_slots() const { return upload_slots_; }
  void set_upload_slots(std::size_t slots) { upload_slots_ = slots; }

 private:
  std::atomic<std::size_t> upload_slots_;
};

}  // namespace piecework::peer
