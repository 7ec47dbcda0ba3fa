// How many torrents may be checked at a time: hashing uses every core by itself, and more at once
// only makes the disk seek. Safe from any thread.
#pragma once

#include <atomic>
#include <optional>
#include <utility>

#include "common/mutex.h"

namespace piecework::peer {

class CheckSlots {
 public:
  explicit CheckSlots(int slots) : free_(slots) {}

  // Held while checking; gives the slot back.
  class Slot {
   public:
    explicit Slot(CheckSlots& owner) : owner_(&owner) {}
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ != nullptr) owner_->give_back();
    }

   private:
    CheckSlots* owner_;
  };

  // Waits for a slot. Nothing when `cancelled` became true first; whoever sets it calls wake().
  std::optional<Slot> acquire(const std::atomic<bool>& cancelled) EXCLUDES(mutex_);
  void wake() EXCLUDES(mutex_);

 private:
  void give_back() EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  int free_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
