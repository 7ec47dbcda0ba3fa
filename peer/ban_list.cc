#include "peer/ban_list.h"

namespace piecework::peer {

bool BanList::ban(const IpAddress& address, const std::string& who, TimePoint now) {
  MutexLock lock(mutex_);
  expire_locked(now);
  return until_.insert_or_assign({address, who}, now + kBanTime).second;
}

bool BanList::is_banned(const IpAddress& address, const std::string& who, TimePoint now) const {
  MutexLock lock(mutex_);
  const auto found = until_.find({address, who});
  if (found != until_.end() && now < found->second) return true;
  return live_bans_locked(address, now) >= kBansUntilWholeAddress;
}

void BanList::expire_locked(TimePoint now) {
  std::erase_if(until_, [&](const auto& ban) { return ban.second <= now; });
}

std::size_t BanList::live_bans_locked(const IpAddress& address, TimePoint now) const {
  std::size_t count = 0;
  for (auto at = until_.lower_bound({address, ""}); at != until_.end(); ++at) {
    if (at->first.first != address) break;
    if (now < at->second) ++count;
  }
  return count;
}

}  // namespace piecework::peer
