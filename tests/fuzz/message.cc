#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/bitfield.h"
#include "common/errors.h"
#include "common/messages.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework::fuzz {
namespace {

constexpr std::size_t kLayoutBytes = 2;
constexpr std::array<std::string_view, 11> kReasons = {
    "bad_bitfield",       "empty_frame",  "frame_too_large",   "greeting_too_large",
    "piece_out_of_range", "truncated",    "wrong_payload",     "unknown_message",
    "wrong_length",       "tls_required", "tls_not_configured"};

bool is_indexed(MessageId id) {
  return id == MessageId::kHave || id == MessageId::kRequest || id == MessageId::kCancel ||
         id == MessageId::kSuggest;
}

std::string recv_rest(Stream& stream, std::size_t bytes) {
  std::string rest(bytes, '\0');
  recv_body(stream, std::as_writable_bytes(std::span(rest)), soon());
  return rest;
}

// The rest of a Bitfield, which is no small message.
std::string recv_bitfield(Stream& stream, const MessageHead& head) {
  const std::string wire = recv_rest(stream, head.payload_bytes);
  const Bitfield pieces = Bitfield::from_wire(bytes_of(wire));
  std::vector<std::byte> again(pieces.size());
  pieces.to_wire(again);
  must(text_of(again) == wire, "a bitfield is written as it was read");
  return wire + recv_rest(stream, head.greeting_bytes);
}

// The rest of the message, and what it looks like when we send it; nothing of a Bitfield's front.
std::string recv_and_encode(Stream& stream, const MessageHead& head, const PieceLayout& layout) {
  const auto text = [](const EncodedMessage& message) { return text_of(message.bytes()); };
  if (!head.id) return text(EncodedMessage::keep_alive());
  if (head.id == MessageId::kBitfield) return recv_bitfield(stream, head);
  if (is_indexed(*head.id)) {
    return text(EncodedMessage::indexed(*head.id, recv_piece_index(stream, layout, soon())));
  }
  if (head.id != MessageId::kPiece) return text(EncodedMessage::plain(*head.id));
  const PieceIndex piece = recv_piece_index(stream, layout, soon());
  const auto length = static_cast<std::uint32_t>(head.payload_bytes - kPieceIndexBytes);
  const std::string data = recv_rest(stream, length);
  return text(EncodedMessage::piece_head(piece, length)) + data;
}

}  // namespace

void fuzz_message(std::string_view input) {
  if (input.size() < kLayoutBytes) return;
  const auto pieces = static_cast<std::uint8_t>(input[0]) + 1U;
  const auto piece_length = static_cast<std::uint8_t>(input[1]) + 1U;
  const PieceLayout layout(std::uint64_t{pieces} * piece_length, piece_length);
  std::string_view bytes = input.substr(kLayoutBytes, kMaxStreamBytes);
  Stream stream = stream_of(bytes);
  const std::uint64_t limit = std::max(max_piece_frame(piece_length), max_bitfield_frame(pieces));
  try {
    while (const auto head = recv_message_head(stream, limit, soon())) {
      std::size_t front = 0;  // of what arrived, that recv_and_encode() does not give
      if (head->id == MessageId::kBitfield) front = kFrameHeaderBytes + kMessageHeadBytes;
      const std::string encoded = recv_and_encode(stream, *head, layout);
      must(encoded.size() <= kFrameHeaderBytes + limit, "a message is within the limit");
      must(bytes.substr(front, encoded.size()) == encoded, "a message is sent as it was received");
      bytes.remove_prefix(front + encoded.size());
    }
    must(bytes.empty(), "nothing comes only where the stream ends");
  } catch (const ProtocolError& error) {
    must(std::ranges::find(kReasons, error.reason()) != kReasons.end(),
         "a message is refused with a reason of the header");
  }
}

}  // namespace piecework::fuzz
