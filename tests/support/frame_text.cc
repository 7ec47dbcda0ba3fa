#include "tests/support/frame_text.h"

#include "common/byte_order.h"
#include "common/frame.h"
#include "common/hex.h"
#include "common/messages.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

std::string bitfield_text(std::string_view body, std::size_t payload_bytes) {
  std::string text = "Bitfield ";
  for (const char c : body.substr(kMessageHeadBytes, payload_bytes)) {
    text += static_cast<char>('0' + c);
  }
  return text + (body.size() > kMessageHeadBytes + payload_bytes ? " greeting" : "");
}

}  // namespace

std::string frame_text(std::string_view body) {
  std::string unknown = "?" + to_hex(bytes_of(body));
  if (body.size() < kMessageLengthBytes) return unknown;
  const auto length = load_be_at<std::uint32_t>(bytes_of(body), 0);
  if (length == 0 && body.size() == kMessageLengthBytes) return "KeepAlive";
  if (length == 0 || length > body.size() - kMessageLengthBytes) return unknown;
  const auto id = static_cast<MessageId>(body[kMessageLengthBytes]);
  const std::size_t payload_bytes = length - kMessageIdBytes;
  if (id == MessageId::kBitfield) return bitfield_text(body, payload_bytes);
  if (length != body.size() - kMessageLengthBytes) return unknown;
  std::string text(message_name(id));
  if (payload_bytes >= kPieceIndexBytes) {
    const auto piece = load_be_at<std::uint32_t>(bytes_of(body), kMessageHeadBytes);
    text += " " + std::to_string(piece);
  }
  return text;
}

std::string frames_text(std::string_view frames) {
  std::string text;
  while (!frames.empty()) {
    const auto length = load_be_at<std::uint64_t>(bytes_of(frames), 0);
    text += (text.empty() ? "" : ", ") + frame_text(frames.substr(kFrameHeaderBytes, length));
    frames.remove_prefix(kFrameHeaderBytes + length);
  }
  return text;
}

}  // namespace piecework
