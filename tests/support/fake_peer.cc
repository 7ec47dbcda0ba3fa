#include "tests/support/fake_peer.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "common/frame.h"
#include "tests/support/eventually.h"
#include "tests/support/frame_text.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

constexpr std::uint64_t kMostToHear = 100 << 20;

}  // namespace

void FakePeer::introduce(std::string_view pieces_text, const std::optional<Greeting>& greeting) {
  stream_.send_all(encode_first_frame(pieces(pieces_text), greeting ? &*greeting : nullptr),
                   soon());
}

void FakePeer::say(MessageId id) {
  stream_.send_all(EncodedMessage::plain(id).bytes(), soon());
}

void FakePeer::say(MessageId id, std::uint32_t piece) {
  stream_.send_all(EncodedMessage::indexed(id, PieceIndex(piece)).bytes(), soon());
}

void FakePeer::say_piece(std::uint32_t piece, std::string_view data) {
  const auto length = static_cast<std::uint32_t>(data.size());
  stream_.send_all(EncodedMessage::piece_head(PieceIndex(piece), length).bytes(), soon(), true);
  stream_.send_all(bytes_of(data), soon());
}

void FakePeer::say_bytes(std::string_view bytes) {
  stream_.send_all(bytes_of(bytes), soon());
}

std::string FakePeer::hear() {
  try {
    auto body = recv_text_frame(stream_, kMostToHear, soon());
    if (!body) return "end";
    body_ = std::move(*body);
    return frame_text(body_);
  } catch (const std::system_error&) {
    return "end";  // reset
  }
}

std::string FakePeer::hear_sorted(int count) {
  std::vector<std::string> frames;
  frames.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) frames.push_back(hear());
  std::sort(frames.begin(), frames.end());
  std::string text;
  for (const std::string& frame : frames) text += (text.empty() ? "" : ", ") + frame;
  return text;
}

std::string_view FakePeer::piece_data() const {
  return std::string_view(body_).substr(kMessageHeadBytes + kPieceIndexBytes);
}

Greeting greeting_for(const Torrent& torrent, const PeerId& peer_id) {
  Greeting greeting;
  greeting.info_hash = torrent.info_hash;
  greeting.peer_id = peer_id;
  greeting.port = 5555;
  greeting.agent = "fake";
  return greeting;
}

}  // namespace piecework::peer
