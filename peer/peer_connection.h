// One conversation with one peer: the reader, which runs the blocking message loop in the
// connection's own thread, and the writer, which drains the outbox in a second one, so that two
// peers sending to each other can never both stand in send (PROTOCOL.md section 5). run() belongs
// to the connection's thread; the other public functions are safe from any thread. What is said and
// why is exchange.h's; this is how it gets to and from the socket and the disk.
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
#include "peer/exchange.h"
#include "peer/handshake.h"
#include "peer/outbox.h"
#include "peer/peer_book.h"
#include "peer/swarm.h"

namespace piecework::peer {

class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  // `first` is what a peer that dialled us has sent; nothing when we dialled, and then `number` is
  // the one of this among our parallel connections to that peer. `stream` must outlive run().
  PeerConnection(Swarm& swarm, Stream& stream, const Endpoint& remote,
                 std::optional<FirstFrame> first, std::uint32_t number = 0);

  // Talks until the conversation is over, and says why it is. Logs the beginning and the end.
  // `on_met` is called once a peer of ours is known, with where it listens.
  Outcome run(const std::function<void(const Endpoint&)>& on_met);

  // `piece` is held now: the peer is told, and may no longer be needed. What this does to the
  // conversation is its own affair: never throws.
  void on_piece_held(PieceIndex piece) EXCLUDES(mutex_);
  // As one that wants an upload slot, with what it has sent since the last round but this, in which
  // an earlier one counts half. Nothing when it wants none.
  std::optional<ChokePeer> wants_slot(ChokeRound round) EXCLUDES(mutex_);
  // As Stream's: kNoDeadline when nothing waits to go out.
  TimePoint stalled_since() const EXCLUDES(mutex_);
  // As Exchange's; never throws.
  bool serve(bool yes, TimePoint now) EXCLUDES(mutex_);
  // There may be something to ask this peer for.
  void wake() { outbox_.wake_to_request(); }
  // Ends the conversation soon: what is being sent is finished, without regard to the upload limit,
  // ServerClose follows, and the peer has a second to leave. Claims go back to the queue at once.
  void close(Outcome why) EXCLUDES(mutex_);
  // Ends it now, whatever is being sent.
  void abort() EXCLUDES(mutex_);
  // When abort() is due, since nothing is lost with it: of a surplus or denied one, a second after
  // close().
  TimePoint must_end_by() const EXCLUDES(mutex_);

  const Endpoint& remote() const { return remote_; }

  // Same remote IP, peer_id and connection number. False while either is not known yet, or is about
  // to end.
  bool is_same_peer(const PeerConnection& other) const;
  // The peer_id of the side that dialled. Only for one whose peer is known.
  PeerId dialled_by() const EXCLUDES(mutex_);

  struct Status {
    Endpoint remote;
    std::optional<Endpoint> reached_at;  // a peer of ours: where it has been, or may be, dialled
    std::string agent;
    Exchange::Standing standing;
  };
  Status status() const EXCLUDES(mutex_);

 private:
  struct Over {  // thrown to leave the message loop in good order
    Outcome outcome;
  };

  // The beginning.
  void meet(const std::function<void(const Endpoint&)>& on_met);
  void join();
  void greet(bool with_greeting);
  FirstFrame recv_answer();
  void check(const FirstFrame& first) const;
  bool is_banned(const FirstFrame& first) const;
  void learn(const FirstFrame& first) EXCLUDES(mutex_);

  // The reader.
  void read_messages();
  void handle(const MessageHead& head);
  PieceIndex recv_index();
  PieceIndex recv_extension_index(MessageId id);
  void on_have(PieceIndex piece);
  void on_piece(std::uint32_t payload_bytes);
  Digest recv_piece(std::span<std::byte> data, Deadline deadline);
  void store_piece(PieceIndex piece, std::span<const std::byte> data);
  void on_bad_piece(PieceIndex piece);
  void ban();
  std::string ban_name() const EXCLUDES(mutex_);

  // The writer.
  void write_messages();
  void write_until_closed();
  void send_piece(PieceIndex piece);

  // The end.
  void end(Outcome outcome, const std::string& reason, const Fields& fields) EXCLUDES(mutex_);
  void stop_asking();
  void stop_waiting();
  void wait_for_reader() EXCLUDES(mutex_);
  void note_reason(Outcome outcome, const std::string& reason, const Fields& fields)
      EXCLUDES(mutex_);
  void part();
  void leave() EXCLUDES(mutex_);
  Outcome log_end() const EXCLUDES(mutex_);
  Fields log_fields() const EXCLUDES(mutex_);
  std::optional<Endpoint> listens_at_locked() const REQUIRES(mutex_);

  Swarm& swarm_;
  Stream& stream_;
  const Endpoint remote_;
  const bool dialled_by_us_;
  const std::uint32_t number_;  // of the deliberate parallel connections, from 0

  // The connection's thread only.
  std::optional<FirstFrame> first_;
  bool original_ = false;
  bool banned_ = false;  // it has just been, by us
  std::uint32_t small_messages_ = 0;
  std::string sharing_name_;  // the same for all connections of a peer; once known, for any thread
  Hasher hasher_;
  TorrentBandwidth::Turns download_turns_;
  std::vector<std::byte> buffer_;  // of one piece

  TorrentBandwidth::Turns upload_turns_;  // the writer's only

  Outbox outbox_;
  Exchange exchange_;
  Bitfield mine_;                            // as in our first frame
  std::atomic<std::uint64_t> received_ = 0;  // bytes of pieces that were kept
  std::atomic<std::uint64_t> sent_ = 0;      // bytes of pieces
  std::atomic<bool> ending_ = false;         // no limit is waited for any more

  mutable Mutex mutex_;
  std::optional<Greeting> greeting_ GUARDED_BY(mutex_);  // of a peer of ours, once known
  bool finished_ GUARDED_BY(mutex_) = false;             // run() is over; stream_ may be gone
  bool reader_done_ GUARDED_BY(mutex_) = false;
  TimePoint must_end_by_ GUARDED_BY(mutex_) = kNoDeadline;
  std::uint64_t received_before_ GUARDED_BY(mutex_) = 0;  // of received_, as of the last round
  std::uint64_t received_lately_ GUARDED_BY(mutex_) = 0;
  CondVar reader_ended_;
  // Why it ends: the first reason counts, whichever thread it came from.
  std::optional<Outcome> outcome_ GUARDED_BY(mutex_);
  std::string reason_ GUARDED_BY(mutex_);
  Fields reason_fields_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
