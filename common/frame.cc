#include "common/frame.h"

#include <algorithm>

#include "common/byte_order.h"
#include "common/errors.h"

namespace piecework {
namespace {

// How a TLS record begins: its type, and the first byte of its version (RFC 8446 section 5.1).
constexpr std::byte kTlsAlert{21};
constexpr std::byte kTlsHandshake{22};
constexpr std::byte kTlsVersion{3};

bool begins_with(std::span<const std::byte> bytes, std::byte record_type) {
  return bytes[0] == record_type && bytes[1] == kTlsVersion;
}

}  // namespace

bool begins_tls(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && begins_with(bytes, kTlsHandshake);
}

std::array<std::byte, kFrameHeaderBytes> encode_frame_header(std::uint64_t length) {
  std::array<std::byte, kFrameHeaderBytes> header;
  store_be<std::uint64_t>(header, length);
  return header;
}

std::uint64_t decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> header,
                                  std::uint64_t limit) {
  const auto length = load_be<std::uint64_t>(header);
  if (length <= limit) return length;
  if (begins_tls(header)) throw ProtocolError("tls_not_configured");
  throw ProtocolError("frame_too_large", {{"length", length}, {"limit", limit}});
}

std::optional<std::uint64_t> recv_frame_header(Stream& stream, std::uint64_t limit,
                                               Deadline deadline) {
  std::array<std::byte, kFrameHeaderBytes> header{};
  try {
    if (!stream.recv_exact(header, deadline)) return std::nullopt;
  } catch (const ProtocolError& error) {
    // An alert is one byte short of a header.
    if (error.reason() != kTruncated || !begins_with(header, kTlsAlert)) throw;
    throw ProtocolError("tls_required");
  }
  return decode_frame_header(header, limit);
}

std::optional<std::vector<std::byte>> recv_frame(Stream& stream, std::uint64_t limit,
                                                 Deadline deadline) {
  const auto length = recv_frame_header(stream, limit, deadline);
  if (!length) return std::nullopt;
  std::vector<std::byte> body(*length);
  recv_body(stream, body, deadline);
  return body;
}

void recv_body(Stream& stream, std::span<std::byte> buffer, Deadline deadline) {
  if (!stream.recv_exact(buffer, deadline) && !buffer.empty()) {
    throw ProtocolError(kTruncated, {{"got", 0}, {"expected", buffer.size()}});
  }
}

void send_frame(Stream& stream, std::span<const std::byte> body, Deadline deadline) {
  stream.send_all(encode_frame_header(body.size()), deadline, !body.empty());
  stream.send_all(body, deadline);
}

std::optional<std::string> recv_text_frame(Stream& stream, std::uint64_t limit, Deadline deadline) {
  const auto length = recv_frame_header(stream, limit, deadline);
  if (!length) return std::nullopt;
  std::string text(*length, '\0');
  recv_body(stream, std::as_writable_bytes(std::span(text)), deadline);
  return text;
}

// In one piece: texts are short, and a system call costs more than copying them.
void send_text_frame(Stream& stream, std::string_view text, Deadline deadline) {
  const auto header = encode_frame_header(text.size());
  std::vector<std::byte> frame(header.size() + text.size());
  const auto body = std::as_bytes(std::span(text));
  std::copy(body.begin(), body.end(), std::copy(header.begin(), header.end(), frame.begin()));
  stream.send_all(frame, deadline);
}

}  // namespace piecework
