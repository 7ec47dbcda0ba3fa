// Who is not talked to for a while, and why: peers that sent wrong pieces. A peer that we dialled
// is (IP, listening port), one that dialled us is (IP, peer_id); an IP with many of those is banned
// whole. Safe from any thread; time is passed in.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/mutex.h"

namespace piecework::peer {

inline constexpr seconds kBanTime{600};
inline constexpr std::size_t kBansUntilWholeAddress = 8;

class BanList {
 public:
  // `who` is the listening port as text, or the peer_id. True when it was not banned before.
  bool ban(const IpAddress& address, const std::string& who, TimePoint now) EXCLUDES(mutex_);
  bool is_banned(const IpAddress& address, const std::string& who, TimePoint now) const
      EXCLUDES(mutex_);

 private:
  void expire_locked(TimePoint now) REQUIRES(mutex_);
  std::size_t live_bans_locked(const IpAddress& address, TimePoint now) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::pair<IpAddress, std::string>, TimePoint> until_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
