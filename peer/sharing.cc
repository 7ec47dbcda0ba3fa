#include "peer/sharing.h"

namespace piecework::peer {
namespace {

// Names cost nothing to invent: with more of them than that, all are forgotten.
constexpr std::size_t kMostAccounts = 4096;

}  // namespace

bool Sharing::gave(const std::string& peer, PieceIndex piece, bool first) {
  MutexLock lock(mutex_);
  Account& account = account_locked(peer);
  const bool known = account.second.only_takes();
  if (given_to_.empty()) given_to_.resize(pieces_, nullptr);
  Account*& taker = given_to_[piece.value()];
  if (first) {
    if (taker != &account) ++account.second.given;
    taker = &account;
  } else if (taker != &account) {
    taker = &several_;
  }
  return !known && account.second.only_takes();
}

bool Sharing::turned_up(const std::string& peer, PieceIndex piece) {
  MutexLock lock(mutex_);
  if (given_to_.empty()) return false;
  Account*& taker = given_to_[piece.value()];
  if (taker == nullptr || taker == &several_ || taker->first == peer) return false;
  Balance& sharer = taker->second;
  taker = &several_;  // it counts once
  const bool took = sharer.passed_on == 0 || sharer.only_takes();
  ++sharer.passed_on;
  return took && !sharer.only_takes();
}

Sharing::Balance Sharing::balance(const std::string& peer) const {
  MutexLock lock(mutex_);
  const auto found = accounts_.find(peer);
  return found == accounts_.end() ? Balance{} : found->second;
}

Sharing::Account& Sharing::account_locked(const std::string& peer) {
  if (accounts_.size() >= kMostAccounts && !accounts_.contains(peer)) {
    accounts_.clear();
    given_to_.clear();
  }
  return *accounts_.try_emplace(peer).first;
}

}  // namespace piecework::peer
