// What one conversation has come to, and every decision in it: who is interested, what the peer
// holds, what is wanted, asked for and owed. What has to be said goes into the outbox; no I/O
// happens here. Safe from any thread: the connection's reader and writer, and whoever completes a
// piece. Locks: its own may be held while LeftPieces' or the outbox's is taken, never the reverse.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "peer/choke.h"
#include "peer/conversation.h"
#include "peer/left_pieces.h"
#include "peer/outbox.h"
#include "peer/request_window.h"
#include "peer/seed_steering.h"

namespace piecework::peer {

// In the endgame a connection with nothing to do asks for what another one has been waiting for so
// long: on a healthy path the piece comes sooner, and is not sent twice for nothing.
inline constexpr milliseconds kEndgamePatience{250};

// A piece that a peer has sent wrongly is asked of it again when it has been idle for so long and
// nobody else, though others have it, has sent it meanwhile.
inline constexpr seconds kSecondChanceAfter{10};

// Speaks with a greeting, or is an original program.
enum class PeerKind { kOurs, kOriginal };

// What a peer's greeting says that it takes.
struct PeerTakes {
  std::uint32_t requests = 0;  // outstanding ones
  bool cancel = false;         // the messages of that name
  bool suggest = false;
};

class Exchange {
 public:
  // `fetch` false: the peer is served and asked for nothing. All that is referred to must outlive
  // it.
  Exchange(const PieceLayout& layout, bool fetch, LeftPieces& left, SeedSteering& steering,
           Outbox& outbox);
  ~Exchange();

  // ---- The beginning, in this order ----

  // `mine` is what the peer will be told in our Bitfield.
  void introduce(const Bitfield& mine) EXCLUDES(mutex_);
  // The peer holds `theirs`. Tells it what has been completed since introduce(), and whether we are
  // interested.
  void begin(PeerKind kind, const Bitfield& theirs, const PeerTakes& takes) EXCLUDES(mutex_);

  // ---- What the peer says. A breach of the protocol throws ProtocolError. ----

  // True when it waits to be unchoked: serve() decides. An original does not wait.
  bool on_interested(TimePoint now) EXCLUDES(mutex_);
  // True when it had an upload slot, which is free now.
  bool on_uninterested() EXCLUDES(mutex_);
  // True when claims went back to the queue: others may want them.
  bool on_choke() EXCLUDES(mutex_);
  void on_unchoke() EXCLUDES(mutex_);
  void on_have(PieceIndex piece) EXCLUDES(mutex_);
  void on_request(PieceIndex piece) EXCLUDES(mutex_);
  void on_cancel(PieceIndex piece) EXCLUDES(mutex_);
  void on_suggest(PieceIndex piece) EXCLUDES(mutex_);
  // A Piece begins to arrive.
  void expect_piece(PieceIndex piece) const EXCLUDES(mutex_);
  // It matches its hash. Before on_piece_held(), if it is news.
  void on_good_piece(PieceIndex piece, TimePoint now) EXCLUDES(mutex_);
  // It did not match its hash and goes back to the queue. True when the peer has sent too many of
  // those: nothing is asked of it any more.
  bool on_bad_piece(PieceIndex piece, TimePoint now) EXCLUDES(mutex_);

  // ---- What happens on our side ----

  // `piece` is held now: the peer is told, and may no longer be needed, nor the piece from it.
  void on_piece_held(PieceIndex piece) EXCLUDES(mutex_);
  // Claims pieces and asks for them as far as the window allows. True when there was nothing to ask
  // for, but may be once kEndgamePatience has passed.
  bool request_more(TimePoint now) EXCLUDES(mutex_);
  // An interested peer is served from now on, or no longer: then what it had asked for is dropped.
  // False, and nothing happens, when it has lost interest meanwhile.
  bool serve(bool yes, TimePoint now) EXCLUDES(mutex_);
  // Nothing has been said for a while.
  void keep_alive() EXCLUDES(mutex_);
  // It is going to end: nothing more is asked, and claims go back to the queue, though what comes
  // all the same is taken. True when there were any.
  bool stop_asking() EXCLUDES(mutex_);
  // The conversation has ended: claims go back to the queue, and the peer's pieces count no longer.
  void end() EXCLUDES(mutex_);

  // ---- How it stands ----

  // An original has said all that it will say on this connection (PROTOCOL.md section 5).
  bool is_over() const EXCLUDES(mutex_);
  // Neither side has anything for the other.
  bool both_complete() const EXCLUDES(mutex_);

  struct Standing {
    std::uint32_t pieces = 0;  // that the peer has
    std::uint32_t wanted = 0;  // of those, that we lack
    bool serves_us = false;    // it has something for us and lets us have it
    bool chokes_us = false;    // it has something for us and does not
  };
  Standing standing() const EXCLUDES(mutex_);
  // As one that wants an upload slot. Nothing when it wants none: an original is served without.
  std::optional<ChokePeer> wants_slot() const EXCLUDES(mutex_);

 private:
  void update_interest_locked() REQUIRES(mutex_);
  std::optional<PieceClaim> claim_locked(TimePoint now) REQUIRES(mutex_);
  std::optional<PieceClaim> claim_suggested_locked(TimePoint now) REQUIRES(mutex_);
  void offer_locked() REQUIRES(mutex_);

  const PieceLayout layout_;
  const bool fetch_;
  LeftPieces& left_;
  SeedSteering& steering_;
  Outbox& outbox_;

  mutable Mutex mutex_;
  bool begun_ GUARDED_BY(mutex_) = false;
  PeerKind kind_ GUARDED_BY(mutex_) = PeerKind::kOurs;
  SendState send_ GUARDED_BY(mutex_);
  TimePoint slot_since_ GUARDED_BY(mutex_);  // it has been served, or has waited for that
  RecvState recv_ GUARDED_BY(mutex_);
  PeerPieces peer_ GUARDED_BY(mutex_);
  Bitfield mine_ GUARDED_BY(mutex_);                           // what we hold, as told here
  std::vector<PieceIndex> held_meanwhile_ GUARDED_BY(mutex_);  // completed before begin()
  PeerTakes takes_ GUARDED_BY(mutex_);
  std::optional<Offers> offers_ GUARDED_BY(mutex_);      // to a leecher, while we seed
  std::deque<PieceIndex> suggested_ GUARDED_BY(mutex_);  // by a seeder, and not yet looked at
  bool is_steered_ GUARDED_BY(mutex_) = false;           // it has suggested something
  RequestWindow window_ GUARDED_BY(mutex_);
  std::vector<PieceIndex> distrusted_ GUARDED_BY(mutex_);  // which the peer sent wrongly
  TimePoint distrusted_since_ GUARDED_BY(mutex_);          // the last of these
  std::uint32_t wanted_ GUARDED_BY(mutex_) = 0;            // pieces that it has and we lack
  bool untrusted_ GUARDED_BY(mutex_) = false;              // nothing is asked of it any more
  bool ending_ GUARDED_BY(mutex_) = false;                 // likewise
  bool has_spoken_ GUARDED_BY(mutex_) = false;             // it has said whether it is interested
};

}  // namespace piecework::peer
