#include "common/messages.h"

#include <algorithm>

#include "common/byte_order.h"
#include "common/errors.h"

namespace piecework {
namespace {

constexpr seconds kFrameBase{60};
constexpr std::uint64_t kSlowestBytesPerSecond = 8 << 10;

bool is_known(std::uint8_t id) {
  return id <= static_cast<std::uint8_t>(MessageId::kCancel) ||
         id == static_cast<std::uint8_t>(MessageId::kServerClose) ||
         id == static_cast<std::uint8_t>(MessageId::kSuggest);
}

// Payload sizes that PROTOCOL.md section 5 fixes; a Bitfield's is checked by who knows the torrent.
bool payload_size_is_right(MessageId id, std::uint32_t payload_bytes) {
  switch (id) {
    case MessageId::kHave:
    case MessageId::kRequest:
    case MessageId::kCancel:
    case MessageId::kSuggest: return payload_bytes == kPieceIndexBytes;
    case MessageId::kPiece: return payload_bytes > kPieceIndexBytes;
    case MessageId::kBitfield: return true;
    default: return payload_bytes == 0;
  }
}

}  // namespace

std::string_view message_name(MessageId id) {
  switch (id) {
    case MessageId::kChoke: return "Choke";
    case MessageId::kUnChoke: return "UnChoke";
    case MessageId::kInterested: return "Interested";
    case MessageId::kUnInterested: return "UnInterested";
    case MessageId::kHave: return "Have";
    case MessageId::kBitfield: return "Bitfield";
    case MessageId::kRequest: return "Request";
    case MessageId::kPiece: return "Piece";
    case MessageId::kCancel: return "Cancel";
    case MessageId::kServerClose: return "ServerClose";
    case MessageId::kSuggest: return "Suggest";
  }
  return "unknown";
}

std::span<std::byte> EncodedMessage::start(std::uint32_t message_length) {
  const std::span<std::byte> out(bytes_);
  store_be_at<std::uint64_t>(out, 0, kMessageLengthBytes + std::uint64_t{message_length});
  store_be_at<std::uint32_t>(out, kFrameHeaderBytes, message_length);
  size_ = kFrameHeaderBytes + kMessageLengthBytes;
  return out;
}

EncodedMessage EncodedMessage::keep_alive() {
  EncodedMessage message;
  message.start(0);
  return message;
}

EncodedMessage EncodedMessage::plain(MessageId id) {
  EncodedMessage message;
  message.start(kMessageIdBytes)[message.size_++] = static_cast<std::byte>(id);
  return message;
}

EncodedMessage EncodedMessage::indexed(MessageId id, PieceIndex piece) {
  EncodedMessage message;
  const std::span<std::byte> out = message.start(kMessageIdBytes + kPieceIndexBytes);
  out[message.size_++] = static_cast<std::byte>(id);
  store_be_at<std::uint32_t>(out, message.size_, piece.value());
  message.size_ += kPieceIndexBytes;
  return message;
}

EncodedMessage EncodedMessage::piece_head(PieceIndex piece, std::uint32_t length) {
  EncodedMessage message = indexed(MessageId::kPiece, piece);
  const std::size_t size = message.size_;
  message.start(static_cast<std::uint32_t>(kMessageIdBytes + kPieceIndexBytes + length));
  message.size_ = size;
  return message;
}

milliseconds frame_time(std::uint64_t frame_length) {
  return kFrameBase + milliseconds(frame_length * 1000 / kSlowestBytesPerSecond);
}

std::optional<MessageHead> recv_message_head(Stream& stream, std::uint64_t limit, Deadline idle,
                                             Deadline whole) {
  const auto frame_length = recv_frame_header(stream, limit, idle);
  if (!frame_length) return std::nullopt;
  if (*frame_length < kMessageLengthBytes) {
    throw ProtocolError("empty_frame", {{"length", *frame_length}});
  }
  const Deadline deadline = std::min<Deadline>(whole, Clock::now() + frame_time(*frame_length));
  std::array<std::byte, kMessageHeadBytes> front;
  const std::size_t front_bytes =
      *frame_length == kMessageLengthBytes ? kMessageLengthBytes : kMessageHeadBytes;
  recv_body(stream, std::span(front).first(front_bytes), deadline);
  const auto length = load_be_at<std::uint32_t>(front, 0);
  const std::uint64_t after_length = *frame_length - kMessageLengthBytes;
  if (length > after_length || (length == 0 && after_length > 0)) {
    throw ProtocolError("wrong_length", {{"frame", *frame_length}, {"message", length}});
  }
  if (length == 0) return MessageHead{};

  const auto raw_id = std::to_integer<std::uint8_t>(front[kMessageLengthBytes]);
  if (!is_known(raw_id)) throw ProtocolError("unknown_message", {{"id", raw_id}});
  const auto id = static_cast<MessageId>(raw_id);
  const auto payload_bytes = static_cast<std::uint32_t>(length - kMessageIdBytes);
  if (id != MessageId::kBitfield && length != after_length) {
    throw ProtocolError(
        "wrong_length",
        {{"message", message_name(id)}, {"frame", *frame_length}, {"length", length}});
  }
  if (!payload_size_is_right(id, payload_bytes)) {
    throw ProtocolError("wrong_payload", {{"message", message_name(id)}, {"bytes", payload_bytes}});
  }
  const std::uint64_t greeting_bytes = after_length - length;
  if (greeting_bytes > kMaxGreetingBytes) {
    throw ProtocolError("greeting_too_large",
                        {{"length", greeting_bytes}, {"limit", kMaxGreetingBytes}});
  }
  return MessageHead{id, payload_bytes, static_cast<std::uint32_t>(greeting_bytes)};
}

PieceIndex recv_piece_index(Stream& stream, const PieceLayout& layout, Deadline deadline) {
  std::array<std::byte, kPieceIndexBytes> raw;
  recv_body(stream, raw, deadline);
  const PieceIndex piece(load_be<std::uint32_t>(raw));
  if (!layout.contains(piece)) {
    throw ProtocolError("piece_out_of_range",
                        {{"piece", piece.value()}, {"pieces", layout.count()}});
  }
  return piece;
}

}  // namespace piecework
