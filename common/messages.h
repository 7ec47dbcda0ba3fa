// The messages between peers: ids, sizes, how a small one is encoded, and the checks that the front
// of every received one must pass (PROTOCOL.md section 5). Stateless functions and plain data;
// receiving follows the Stream's thread rule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/clock.h"
#include "common/frame.h"
#include "common/piece_layout.h"
#include "common/stream.h"

namespace piecework {

enum class MessageId : std::uint8_t {
  kChoke = 0,
  kUnChoke = 1,
  kInterested = 2,
  kUnInterested = 3,
  kHave = 4,
  kBitfield = 5,
  kRequest = 6,
  kPiece = 7,
  kCancel = 8,  // extension "cancel"
  kServerClose = 10,
  kSuggest = 13,  // extension "suggest"
};

std::string_view message_name(MessageId id);

inline constexpr std::size_t kMessageLengthBytes = sizeof(std::uint32_t);
inline constexpr std::size_t kMessageIdBytes = 1;
inline constexpr std::size_t kPieceIndexBytes = sizeof(std::uint32_t);
inline constexpr std::size_t kMessageHeadBytes = kMessageLengthBytes + kMessageIdBytes;
inline constexpr std::size_t kMaxGreetingBytes = 4096;

// The largest frame body that a Piece of `piece_length` bytes, or any smaller message, takes.
constexpr std::uint64_t max_piece_frame(std::uint32_t piece_length) {
  return kMessageHeadBytes + kPieceIndexBytes + std::uint64_t{piece_length};
}
// The largest frame body that a Bitfield of `pieces` pieces with a greeting takes.
constexpr std::uint64_t max_bitfield_frame(std::uint32_t pieces) {
  return kMessageHeadBytes + std::uint64_t{pieces} + kMaxGreetingBytes;
}

// A whole small frame, ready to be sent: at most 17 bytes.
class EncodedMessage {
 public:
  static EncodedMessage keep_alive();
  static EncodedMessage plain(MessageId id);  // Choke … UnInterested, ServerClose
  static EncodedMessage indexed(MessageId id, PieceIndex piece);  // Have, Request, Cancel, Suggest
  // Everything of a Piece frame before its data of `length` bytes.
  static EncodedMessage piece_head(PieceIndex piece, std::uint32_t length);

  std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::span<std::byte> start(std::uint32_t message_length);

  std::array<std::byte, kFrameHeaderBytes + kMessageHeadBytes + kPieceIndexBytes> bytes_{};
  std::size_t size_ = 0;
};

// The front of a received message: frame header, length and id. What follows on the stream is
// payload_bytes of payload and, behind a Bitfield only, greeting_bytes of greeting.
struct MessageHead {
  std::optional<MessageId> id;  // none: KeepAlive
  std::uint32_t payload_bytes = 0;
  std::uint32_t greeting_bytes = 0;
};

// How long a frame may take once its header is there: 60 s, and 1 s for every 8 KiB of it.
milliseconds frame_time(std::uint64_t frame_length);

// Receives the front of the next message from a frame of at most `limit` bytes. `idle` bounds the
// wait for its header; the rest of it must come within frame_time(), and before `whole`. Nothing
// when the stream ended between frames. Throws ProtocolError (as recv_frame_header(), and
// "empty_frame", "unknown_message", "wrong_length", "wrong_payload", "greeting_too_large"),
// TimeoutError, std::system_error.
std::optional<MessageHead> recv_message_head(Stream& stream, std::uint64_t limit, Deadline idle,
                                             Deadline whole = kNoDeadline);

// The i32be index that Have, Request, Piece, Cancel and Suggest begin with. Throws ProtocolError
// "piece_out_of_range" unless it is one of `layout`.
PieceIndex recv_piece_index(Stream& stream, const PieceLayout& layout, Deadline deadline);

}  // namespace piecework
