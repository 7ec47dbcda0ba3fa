// Which peers pass on what they are given: the books that a seeder keeps. When a piece that no
// other peer had has gone out to one of them, and then turns up with another, the first must have
// passed it on. (Two that are given it at the same moment may be taken for each other: so it is the
// proportion that counts.)
// One Sharing a torrent; safe from any thread. Its lock is held together with no other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "common/piece_layout.h"

namespace piecework::peer {

class Sharing {
 public:
  explicit Sharing(std::uint32_t pieces) : pieces_(pieces) {}

  struct Balance {
    std::uint32_t given = 0;      // pieces that we have sent it and no other peer had
    std::uint32_t passed_on = 0;  // how many of those have turned up with others

    // One who has had kOnTrust, and has passed on next to none.
    bool only_takes() const { return given >= kOnTrust && passed_on < given / kOnTrust; }
  };
  static constexpr std::uint32_t kOnTrust = 8;

  // `peer` is anything that names it for as long as the torrent runs: what is known of it outlasts
  // its connections, and all of them share it.
  // We have sent it `piece`, which as far as we know nobody else has (`first`), or somebody has.
  // True when that shows that it only takes, which was not known.
  bool gave(const std::string& peer, PieceIndex piece, bool first) EXCLUDES(mutex_);
  // It says that it has `piece`. True when that shows of another one that it shares, which was not
  // known.
  bool turned_up(const std::string& peer, PieceIndex piece) EXCLUDES(mutex_);
  Balance balance(const std::string& peer) const EXCLUDES(mutex_);

 private:
  using Accounts = std::map<std::string, Balance>;
  using Account = Accounts::value_type;
  Account& account_locked(const std::string& peer) REQUIRES(mutex_);

  const std::uint32_t pieces_;

  mutable Mutex mutex_;
  Accounts accounts_ GUARDED_BY(mutex_);
  // By piece: the one that it was given to first, several_, or null. Empty until something is
  // given.
  std::vector<Account*> given_to_ GUARDED_BY(mutex_);
  Account several_ GUARDED_BY(mutex_){std::string(), Balance()};
};

}  // namespace piecework::peer
