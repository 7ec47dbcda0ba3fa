#include "peer/seed_steering.h"

namespace piecework::peer {
namespace {

// Offers that one leecher may have unused: more than it takes up while the next is on its way.
constexpr std::size_t kMostOpenOffers = 3;

}  // namespace

SeedSteering::SeedSteering(std::uint32_t pieces, std::uint64_t random_seed)
    : random_(random_seed), pieces_(pieces) {
  for (PieceIndex piece; piece.value() < pieces; ++piece) pieces_.insert(piece);
}

void SeedSteering::joined(const Bitfield& counted) {
  MutexLock lock(mutex_);
  for (PieceIndex piece; piece.value() < counted.size(); ++piece) {
    if (counted.has(piece)) pieces_.gained(piece);
  }
}

void SeedSteering::left(const Bitfield& counted) {
  MutexLock lock(mutex_);
  for (PieceIndex piece; piece.value() < counted.size(); ++piece) {
    if (counted.has(piece)) pieces_.lost(piece);
  }
}

void SeedSteering::gained(PieceIndex piece) {
  MutexLock lock(mutex_);
  pieces_.gained(piece);
}

std::optional<PieceIndex> SeedSteering::offer(const Bitfield& counted) {
  MutexLock lock(mutex_);
  const auto piece =
      pieces_.pick(random_, [&](PieceIndex candidate) { return !counted.has(candidate); });
  if (piece) pieces_.gained(*piece);
  return piece;
}

Offers::Offers(SeedSteering& steering, const Bitfield& has) : steering_(steering), counted_(has) {
  steering_.joined(counted_);
}

Offers::~Offers() {
  steering_.left(counted_);
}

void Offers::settled(PieceIndex piece) {
  std::erase(open_, piece);
  if (counted_.set(piece)) steering_.gained(piece);
}

std::optional<PieceIndex> Offers::next() {
  if (open_.size() >= kMostOpenOffers || counted_.complete()) return std::nullopt;
  const auto piece = steering_.offer(counted_);
  if (!piece) return std::nullopt;
  counted_.set(*piece);
  open_.push_back(*piece);
  return piece;
}

}  // namespace piecework::peer
