// The two state machines of one conversation, as pure values: what each event does and what we then
// have to send (PROTOCOL.md section 5). No locks, no I/O; the owner guards them.
#pragma once

#include <cstdint>

namespace piecework::peer {

// Our sending side: (my_choke, peer_interested).
class SendState {
 public:
  enum class Value : std::uint8_t { k10, k01, k11 };
  enum class OnRequest : std::uint8_t {
    kServe,
    kDrop,           // it crossed our Choke, or its own UnInterested: the peer asks again
    kProtocolError,  // before the first UnChoke
  };

  // The peer is interested now. True: it waits to be unchoked.
  bool interested();
  // The peer no longer is: forget what it had asked for.
  void uninterested();
  // We choose to choke an interested peer. True: send Choke, and forget what it had asked for.
  bool choke();
  // We choose to serve a choked, interested peer. True: send UnChoke.
  bool unchoke();
  OnRequest request() const;

  Value value() const { return value_; }
  bool peer_interested() const { return value_ != Value::k10; }

 private:
  Value value_ = Value::k10;
  bool ever_unchoked_ = false;
};

// Our receiving side: (peer_choke, my_interested).
class RecvState {
 public:
  enum class Value : std::uint8_t { k10, k11, k01 };

  // The peer holds something that we lack. True: send Interested.
  bool want();
  // It holds nothing more for us. True: send UnInterested.
  bool want_nothing();
  // True: Requests may be sent from now on.
  bool unchoked();
  // True: what was asked and has not come goes back to the queue.
  bool choked();

  bool may_request() const { return value_ == Value::k01; }
  bool interested() const { return value_ != Value::k10; }
  Value value() const { return value_; }

 private:
  Value value_ = Value::k10;
};

}  // namespace piecework::peer
