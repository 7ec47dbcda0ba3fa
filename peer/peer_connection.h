// One conversation with one peer: the reader, which runs the blocking message loop in the
// connection's own thread, and the writer, which drains the outbox in a second one, so that two
// peers sending to each other can never both stand in send (PROTOCOL.md section 5). run() belongs
// to the connection's thread; the other public functions are safe from any thread. Locks: mutex_
// may be held while LeftPieces' or the outbox's is taken; never while the swarm's is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/digest.h"
#include "common/fields.h"
#include "common/messages.h"
#include "common/mutex.h"
#include "common/stream.h"
#include "peer/conversation.h"
#include "peer/handshake.h"
#include "peer/outbox.h"
#include "peer/peer_book.h"
#include "peer/request_window.h"
#include "peer/swarm.h"

namespace piecework::peer {

class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  // `first` is what a peer that dialled us has sent; nothing when we dialled. `stream` must outlive
  // run().
  PeerConnection(Swarm& swarm, Stream& stream, const Endpoint& remote,
                 std::optional<FirstFrame> first);

  // Talks until the conversation is over, and says why it is. Logs the beginning and the end.
  // `on_met` is called once a peer of ours is known, with where it listens.
  Outcome run(const std::function<void(const Endpoint&)>& on_met);

  // `piece` is held now: the peer is told, and may no longer be needed.
  void on_piece_held(PieceIndex piece) EXCLUDES(mutex_);
  // There may be something to ask this peer for.
  void wake() { outbox_.wake_to_request(); }
  // Ends the conversation soon: what is being sent is finished, and ServerClose follows.
  void close(Outcome why) EXCLUDES(mutex_);
  // Ends it now, whatever is being sent.
  void abort() EXCLUDES(mutex_);

  // Same remote IP, peer_id and connection number. False while either is not known yet.
  bool is_same_peer(const PeerConnection& other) const;
  // The peer_id of the side that dialled. Only for one whose peer is known.
  PeerId dialled_by() const EXCLUDES(mutex_);

  struct Status {
    Endpoint remote;
    std::string agent;
    std::uint32_t pieces = 0;  // that the peer has
    bool serves_us = false;    // it has something for us and lets us have it
    bool chokes_us = false;    // it has something for us and does not
  };
  Status status() const EXCLUDES(mutex_);

 private:
  enum class Kind { kUnknown, kOurs, kOriginal };

  struct Over {  // thrown to leave the message loop in good order
    Outcome outcome;
  };

  // The beginning.
  void meet(const std::function<void(const Endpoint&)>& on_met);
  void join() EXCLUDES(mutex_);
  void greet(bool with_greeting) EXCLUDES(mutex_);
  FirstFrame recv_answer();
  void check(const FirstFrame& first) const;
  void learn(const FirstFrame& first) EXCLUDES(mutex_);
  void begin() EXCLUDES(mutex_);

  // The reader.
  void read_messages() EXCLUDES(mutex_);
  void handle(const MessageHead& head);
  void on_interest(bool interested) EXCLUDES(mutex_);
  void on_choke(bool choked) EXCLUDES(mutex_);
  void on_have() EXCLUDES(mutex_);
  void on_request() EXCLUDES(mutex_);
  void on_piece(std::uint32_t payload_bytes) EXCLUDES(mutex_);
  void store_piece(PieceIndex piece, std::span<const std::byte> data) EXCLUDES(mutex_);
  void on_bad_piece(PieceIndex piece) EXCLUDES(mutex_);
  Digest recv_piece(std::span<std::byte> data, Deadline deadline);
  void end_if_over() EXCLUDES(mutex_);
  // Says Interested or UnInterested when wanted_ calls for it. Returns the claims that this gave
  // up.
  std::vector<PieceClaim> update_interest_locked() REQUIRES(mutex_);

  // The writer.
  void write_messages() EXCLUDES(mutex_);
  void write_until_closed() EXCLUDES(mutex_);
  void request_more() EXCLUDES(mutex_);
  void send_piece(PieceIndex piece);

  // The end.
  void end(Outcome outcome, const std::string& reason, const Fields& fields) EXCLUDES(mutex_);
  void note_reason(Outcome outcome, const std::string& reason, const Fields& fields)
      EXCLUDES(mutex_);
  void leave() EXCLUDES(mutex_);
  Outcome log_end() const EXCLUDES(mutex_);
  bool has_all_locked() const REQUIRES(mutex_);
  Fields log_fields() const EXCLUDES(mutex_);

  Swarm& swarm_;
  Stream& stream_;
  const Endpoint remote_;
  const bool dialled_by_us_;

  // The connection's thread only.
  std::optional<FirstFrame> first_;
  Hasher hasher_;
  std::vector<std::byte> buffer_;  // of one piece

  Outbox outbox_;
  std::atomic<std::uint64_t> received_ = 0;  // bytes of pieces that were kept
  std::atomic<std::uint64_t> sent_ = 0;      // bytes of pieces

  mutable Mutex mutex_;
  Kind kind_ GUARDED_BY(mutex_) = Kind::kUnknown;
  Greeting greeting_ GUARDED_BY(mutex_);  // of a peer of ours
  SendState send_ GUARDED_BY(mutex_);
  RecvState recv_ GUARDED_BY(mutex_);
  PeerPieces peer_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;  // peer_ and mine_ are set
  Bitfield mine_ GUARDED_BY(mutex_);       // what the peer may know that we hold
  std::vector<PieceIndex> held_meanwhile_ GUARDED_BY(mutex_);  // told before it had begun
  RequestWindow window_ GUARDED_BY(mutex_);
  std::vector<PieceIndex> distrusted_ GUARDED_BY(mutex_);  // which it sent wrongly
  std::uint32_t wanted_ GUARDED_BY(mutex_) = 0;            // pieces that it has and we lack
  bool untrusted_ GUARDED_BY(mutex_) = false;              // nothing is asked of it any more
  bool has_spoken_ GUARDED_BY(mutex_) = false;             // it has said whether it is interested

  bool finished_ GUARDED_BY(mutex_) = false;  // run() is over, and stream_ may be gone
  // Why it ends: the first reason counts, whichever thread it came from.
  std::optional<Outcome> outcome_ GUARDED_BY(mutex_);
  std::string reason_ GUARDED_BY(mutex_);
  Fields reason_fields_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
