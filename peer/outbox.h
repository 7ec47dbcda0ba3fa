// What one connection still has to send: whole small frames, and pieces by their index, never their
// data. The reader puts in and never waits; the writer waits and takes out. Small frames overtake
// pieces, because pieces are long and nothing depends on their order.
// Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "common/messages.h"
#include "common/mutex.h"

namespace piecework::peer {

// How long a frame may wait for others behind one that has just been sent: in a swarm of 16 hosts
// of 100 Mbit/s, each of which completes a piece every 6 ms and tells all others, it makes one send
// of four.
inline constexpr milliseconds kPatience{25};

class Outbox {
 public:
  // At most `max_pieces` pieces may wait; `max_small_bytes` bounds the bytes of waiting small
  // frames.
  Outbox(std::size_t max_pieces, std::size_t max_small_bytes, milliseconds patience = kPatience)
      : max_pieces_(max_pieces), max_small_bytes_(max_small_bytes), patience_(patience) {}

  // Throws ProtocolError "outbox_full" when the peer makes us answer faster than it reads.
  void push(const EncodedMessage& message) EXCLUDES(mutex_);
  // The same for one that may wait a moment for others, when one has just been sent: in a fast
  // swarm, waking two threads for each Have costs more than the rest of it.
  void push_patient(const EncodedMessage& message) EXCLUDES(mutex_);
  // A first frame. Not bounded: it is sent once.
  void push_frame(const std::vector<std::byte>& frame) EXCLUDES(mutex_);
  // Throws ProtocolError "too_many_requests" when max_pieces wait already.
  void push_piece(PieceIndex piece) EXCLUDES(mutex_);
  void drop_pieces() EXCLUDES(mutex_);
  void drop_piece(PieceIndex piece) EXCLUDES(mutex_);

  // Makes the writer look for something to request.
  void wake_to_request() EXCLUDES(mutex_);

  // Nothing more is taken or sent, but `last`, if any.
  void close(std::optional<EncodedMessage> last) EXCLUDES(mutex_);

  struct Next {
    enum class What { kSmall, kPiece, kRequest, kClosed, kTimeout } what;
    std::vector<std::byte> small;  // one or more whole frames; with kClosed, the last one
    PieceIndex piece;
  };
  // Waits for the next thing to do, until `deadline` at the latest. Requests are looked for first:
  // the other side should never wait for ours, and they go with what waits to be sent.
  Next wait(Deadline deadline) EXCLUDES(mutex_);

 private:
  void append_locked(const EncodedMessage& message) REQUIRES(mutex_);
  bool has_work_locked() const REQUIRES(mutex_);

  const std::size_t max_pieces_;
  const std::size_t max_small_bytes_;
  const milliseconds patience_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::byte> small_ GUARDED_BY(mutex_);
  bool urgent_ GUARDED_BY(mutex_) = false;  // some of small_ is not patient
  TimePoint patient_until_ GUARDED_BY(mutex_) = TimePoint::min();
  std::deque<PieceIndex> pieces_ GUARDED_BY(mutex_);
  bool request_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace piecework::peer
