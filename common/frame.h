// The one frame format of every TCP connection (PROTOCOL.md section 1): an 8-byte big-endian length
// N, then N bytes of body. A reader states the largest body it accepts before it allocates or reads
// one. Stateless functions over a Stream, under the Stream's thread rule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/stream.h"

namespace piecework {

inline constexpr std::size_t kFrameHeaderBytes = sizeof(std::uint64_t);

// What a connection began with, at least 2 bytes, is the beginning of a TLS handshake.
bool begins_tls(std::span<const std::byte> bytes);

// The header of a frame with a body of `length` bytes.
std::array<std::byte, kFrameHeaderBytes> encode_frame_header(std::uint64_t length);

// What a header says. Throws ProtocolError "frame_too_large" (length, limit) when N > limit, or
// then "tls_not_configured" when it is the beginning of TLS.
std::uint64_t decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> header,
                                  std::uint64_t limit);

// Receives a header and returns N. Nothing when the stream ended before its first byte. Throws
// ProtocolError as above, "truncated" when the stream ended inside it, "tls_required" when it ended
// with the alert of a side that is set up for TLS; TimeoutError; std::system_error. The caller then
// reads exactly N bytes.
std::optional<std::uint64_t> recv_frame_header(Stream& stream, std::uint64_t limit,
                                               Deadline deadline);

// A whole frame's body, at most `limit` bytes, or nothing when the stream ended between frames.
// Throws as above. Only for bodies that may be in memory whole.
std::optional<std::vector<std::byte>> recv_frame(Stream& stream, std::uint64_t limit,
                                                 Deadline deadline);

// Receives what the header promised: exactly buffer.size() bytes, or throws ("truncated").
void recv_body(Stream& stream, std::span<std::byte> buffer, Deadline deadline);

// A frame with that body.
void send_frame(Stream& stream, std::span<const std::byte> body, Deadline deadline);

// Text frames (the tracker's JSON), as bytes.
std::optional<std::string> recv_text_frame(Stream& stream, std::uint64_t limit, Deadline deadline);
void send_text_frame(Stream& stream, std::string_view text, Deadline deadline);

}  // namespace piecework
