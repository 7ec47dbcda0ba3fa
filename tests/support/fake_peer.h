// The other end of a conversation, driven frame by frame. It checks nothing and keeps to no
// protocol: what it says is up to the test.
// One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/messages.h"
#include "common/stream.h"
#include "peer/handshake.h"

namespace piecework::peer {

class FakePeer {
 public:
  explicit FakePeer(Stream stream) : stream_(std::move(stream)) {}

  // Its first frame, as one of ours or, without `greeting`, as an original.
  void introduce(std::string_view pieces, const std::optional<Greeting>& greeting);
  void say(MessageId id);
  void say(MessageId id, std::uint32_t piece);
  void say_piece(std::uint32_t piece, std::string_view data);
  void say_bytes(std::string_view bytes);

  // The next frame as text (frame_text.h), or "end" when the connection has ended.
  std::string hear();
  // The next `count` frames, sorted, with ", " between them: for those without a fixed order.
  std::string hear_sorted(int count);
  // The body of the frame that was heard last.
  const std::string& body() const { return body_; }
  // The data of the Piece that was heard last.
  std::string_view piece_data() const;

  Stream& stream() { return stream_; }

 private:
  Stream stream_;
  std::string body_;
};

// A good greeting for `torrent`.
Greeting greeting_for(const Torrent& torrent, const PeerId& peer_id = "fake");

}  // namespace piecework::peer
