// The peers of one torrent that we are connected to, and what they share: the pieces, the file, the
// counters. Passes on what one connection learns to the others.
// Safe from any thread. Of its locks, that of the upload slots may be held while a connection's is
// taken, the other never.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/torrent.h"
#include "peer/ban_list.h"
#include "peer/choke.h"
#include "peer/handshake.h"
#include "peer/left_pieces.h"
#include "peer/piece_store.h"
#include "peer/seed_steering.h"
#include "peer/sharing.h"
#include "peer/torrent_bandwidth.h"

namespace piecework::peer {

class PeerConnection;

// Who we are to other peers.
struct Identity {
  PeerId peer_id;
  std::uint16_t port = 0;  // where we listen
};

class Swarm {
 public:
  // Called from connection threads, with no lock held.
  struct Events {
    std::function<bool(const IpAddress&)> admits;  // may there be connections with that address?
    std::function<void()> all_held;
    std::function<void(const std::string& reason)> storage_failed;
    std::function<void()> must_tend;  // something will be due: tend() says when
  };

  // `fetch` false: serve what is held, ask for nothing. Everything referred to must outlive the
  // swarm.
  Swarm(const Torrent& torrent, const Identity& identity, PieceStore& store, BanList& bans,
        TorrentBandwidth& bandwidth, const Bitfield& held, bool fetch, std::uint64_t random_seed,
        Events events);
  ~Swarm();

  const Torrent& torrent() const { return torrent_; }
  const Identity& identity() const { return identity_; }
  PieceStore& store() { return store_; }
  LeftPieces& left() { return left_; }
  SeedSteering& steering() { return steering_; }
  Sharing& sharing() { return sharing_; }
  const LeftPieces& left() const { return left_; }
  BanList& bans() { return bans_; }
  TorrentBandwidth& bandwidth() { return bandwidth_; }
  bool fetches() const { return fetch_; }
  // Only torrents in the original form are shared with original programs (PROTOCOL.md section 5).
  bool admits_originals() const { return torrent_.form == HashForm::kOriginal; }

  // Takes part from now on. Every piece not in the result will be announced by on_piece_held().
  // Nothing when the swarm is closed.
  std::optional<Bitfield> join(const std::shared_ptr<PeerConnection>& connection) EXCLUDES(mutex_);
  // Of two connections to the same peer the one dialled by the smaller peer_id stays. Of two that
  // one side has dialled, that side alone decides, so that the two ends cannot each close another
  // one: the older stays. False: this one does not. Otherwise any that must not has been told to
  // close. A connection must have joined.
  bool stays(PeerConnection& connection) EXCLUDES(mutex_);
  void leave(const PeerConnection& connection) EXCLUDES(mutex_);

  // `piece` has been verified and stored by one connection; told once for each piece.
  void piece_stored(PieceIndex piece) EXCLUDES(mutex_);
  void storage_failed(const std::string& reason) const { events_.storage_failed(reason); }

  // Pieces went back to the queue: every connection looks whether it can ask for one. Not when the
  // swarm is closed.
  void wake_all() EXCLUDES(mutex_);

  // Who waits for an upload slot gets one, if one is free. To be called when a peer of ours has
  // become interested, or has given up a slot.
  void share_slots(TimePoint now) EXCLUDES(slots_mutex_, mutex_);
  // Does what is due by the clock: lets the upload slots go round, and cuts off connections that
  // have not ended in time. Says when something will be due again; kNoDeadline: not before
  // must_tend. Belongs to the owner's thread.
  TimePoint tend(TimePoint now) EXCLUDES(slots_mutex_, mutex_);

  // Whoever is not admitted (any more) is told to close.
  void close_denied() EXCLUDES(mutex_);
  bool admits(const IpAddress& address) const { return events_.admits(address); }

  // No one may join any more, and everyone is told to close; open() allows joining again.
  void close_all() EXCLUDES(mutex_);
  void open() EXCLUDES(mutex_);
  // True when all connections have left by `deadline`.
  bool wait_until_empty(Deadline deadline) EXCLUDES(mutex_);

  std::vector<std::shared_ptr<PeerConnection>> connections() const EXCLUDES(mutex_);
  std::size_t size() const EXCLUDES(mutex_);

  // Takes over the counters of one that is over.
  void count_on_from(const Swarm& earlier);

  // Bytes of pieces: received and kept, received and thrown away, sent.
  std::atomic<std::uint64_t> downloaded = 0;
  std::atomic<std::uint64_t> wasted = 0;
  std::atomic<std::uint64_t> uploaded = 0;

 private:
  bool share_slots_locked(ChokeRound round, TimePoint now) REQUIRES(slots_mutex_) EXCLUDES(mutex_);
  TimePoint abort_overdue(TimePoint now) EXCLUDES(mutex_);

  const Torrent& torrent_;
  const Identity& identity_;
  PieceStore& store_;
  BanList& bans_;
  TorrentBandwidth& bandwidth_;
  const bool fetch_;
  const Events events_;
  LeftPieces left_;
  SeedSteering steering_;
  Sharing sharing_;

  // Slots are given out and taken back one decision at a time.
  Mutex slots_mutex_;
  TimePoint next_rotation_ GUARDED_BY(slots_mutex_) = kNoDeadline;  // while somebody waits
  bool wanted_ GUARDED_BY(slots_mutex_) = false;  // somebody is interested; counted in bandwidth_

  mutable Mutex mutex_;
  CondVar left_one_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<PeerConnection>> connections_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
