#include "peer/swarm.h"

#include <algorithm>
#include <utility>

#include "peer/peer_connection.h"

namespace piecework::peer {

Swarm::Swarm(const Torrent& torrent, const Identity& identity, PieceStore& store, BanList& bans,
             TorrentBandwidth& bandwidth, const Bitfield& held, bool fetch,
             std::uint64_t random_seed, Events events)
    : torrent_(torrent),
      identity_(identity),
      store_(store),
      bans_(bans),
      bandwidth_(bandwidth),
      fetch_(fetch),
      events_(std::move(events)),
      left_(held, random_seed),
      steering_(held.size(), random_seed),
      sharing_(held.size()) {}

Swarm::~Swarm() {
  if (wanted_) bandwidth_.shared().torrent_unwanted();
}

std::optional<Bitfield> Swarm::join(const std::shared_ptr<PeerConnection>& connection) {
  MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  connections_.push_back(connection);
  // A piece stored after this line is told to the connection; one stored before is in the answer.
  return left_.held();
}

bool Swarm::stays(PeerConnection& connection) {
  std::vector<std::shared_ptr<PeerConnection>> surplus;
  const PeerId dialler = connection.dialled_by();
  bool others_are_older = true;  // as long as it has not come up itself: they are in joining order
  for (const auto& other : connections()) {
    if (other.get() == &connection) others_are_older = false;
    if (other.get() == &connection || !other->is_same_peer(connection)) continue;
    const PeerId other_dialler = other->dialled_by();
    if (other_dialler == dialler && dialler != identity_.peer_id) continue;
    const bool keep_other = other_dialler == dialler ? others_are_older : other_dialler < dialler;
    if (keep_other) return false;
    surplus.push_back(other);
  }
  for (const auto& other : surplus) other->close(Outcome::kSurplus);
  if (!surplus.empty()) events_.must_tend();
  return true;
}

void Swarm::leave(const PeerConnection& connection) {
  MutexLock lock(mutex_);
  std::erase_if(connections_, [&](const auto& other) { return other.get() == &connection; });
  left_one_.notify_all();
}

void Swarm::piece_stored(PieceIndex piece) {
  for (const auto& connection : connections()) connection->on_piece_held(piece);
  if (left_.all_held()) events_.all_held();
}

void Swarm::wake_all() {
  {
    MutexLock lock(mutex_);
    if (closed_) return;
  }
  for (const auto& connection : connections()) connection->wake();
}

void Swarm::share_slots(TimePoint now) {
  bool first_to_wait = false;
  {
    MutexLock lock(slots_mutex_);
    const bool some_wait = share_slots_locked(ChokeRound::kFill, now);
    first_to_wait = some_wait && next_rotation_ == kNoDeadline;
    if (first_to_wait) next_rotation_ = now + kRotateEvery;
    if (!some_wait) next_rotation_ = kNoDeadline;
  }
  if (first_to_wait) events_.must_tend();
}

TimePoint Swarm::tend(TimePoint now) {
  const TimePoint next_abort = abort_overdue(now);
  MutexLock lock(slots_mutex_);
  const bool rotate = next_rotation_ <= now;
  const bool some_wait = share_slots_locked(rotate ? ChokeRound::kRotate : ChokeRound::kFill, now);
  if (!some_wait) {
    next_rotation_ = kNoDeadline;
  } else if (rotate || next_rotation_ == kNoDeadline) {
    next_rotation_ = now + kRotateEvery;
  }
  return std::min(next_abort, next_rotation_);
}

// True when somebody waits in vain.
bool Swarm::share_slots_locked(ChokeRound round, TimePoint now) {
  std::vector<std::shared_ptr<PeerConnection>> interested;
  std::vector<ChokePeer> peers;
  for (auto& connection : connections()) {
    const auto peer = connection->wants_slot(round);
    if (!peer) continue;
    peers.push_back(*peer);
    interested.push_back(std::move(connection));
  }
  if (wanted_ && peers.empty()) bandwidth_.shared().torrent_unwanted();
  if (!wanted_ && !peers.empty()) bandwidth_.shared().torrent_wanted();
  wanted_ = !peers.empty();
  const bool seeding = !fetch_ || left_.all_held();
  const std::size_t slots = bandwidth_.upload_slots();  // once this torrent counts
  if (peers.size() > slots) {                           // else it does not matter who reads
    for (std::size_t i = 0; i < peers.size(); ++i) {
      peers[i].stalled_since = interested[i]->stalled_since();
    }
  }
  const auto chosen = choose_unchoked(peers, slots, round, seeding, now);
  bool all_taken = true;
  for (const bool serve : {false, true}) {  // nobody is served before there is a slot
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (chosen[i] != serve || peers[i].unchoked == serve) continue;
      if (!interested[i]->serve(serve, now)) all_taken = false;
    }
  }
  if (std::find(chosen.begin(), chosen.end(), false) == chosen.end()) return false;
  // A slot of one that has lost interest at this moment, or has gone, is another's: those are fewer
  // each time.
  return all_taken || share_slots_locked(ChokeRound::kFill, now);
}

TimePoint Swarm::abort_overdue(TimePoint now) {
  TimePoint next = kNoDeadline;
  for (const auto& connection : connections()) {
    const TimePoint at = connection->must_end_by();
    if (at <= now) {
      connection->abort();
    } else {
      next = std::min(next, at);
    }
  }
  return next;
}

void Swarm::close_denied() {
  bool some = false;
  for (const auto& connection : connections()) {
    if (admits(connection->remote().address)) continue;
    connection->close(Outcome::kDenied);
    some = true;
  }
  if (some) events_.must_tend();
}

void Swarm::close_all() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  for (const auto& connection : connections()) connection->close(Outcome::kStopped);
}

void Swarm::open() {
  MutexLock lock(mutex_);
  closed_ = false;
}

bool Swarm::wait_until_empty(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!connections_.empty()) {
    if (!left_one_.wait_until(mutex_, deadline)) return connections_.empty();
  }
  return true;
}

void Swarm::count_on_from(const Swarm& earlier) {
  downloaded += earlier.downloaded;
  wasted += earlier.wasted;
  uploaded += earlier.uploaded;
}

std::vector<std::shared_ptr<PeerConnection>> Swarm::connections() const {
  MutexLock lock(mutex_);
  return connections_;
}

std::size_t Swarm::size() const {
  MutexLock lock(mutex_);
  return connections_.size();
}

}  // namespace piecework::peer
