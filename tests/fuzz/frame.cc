#include "common/frame.h"

#include "common/byte_order.h"
#include "common/errors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework::fuzz {
namespace {

constexpr std::size_t kLimitBytes = sizeof(std::uint16_t);
constexpr std::string_view kTlsAlert = "\x15\x03";  // how such a record begins
constexpr std::string_view kTlsHandshake = "\x16\x03";

// What a reader of `bytes` must come to next, said a second time in the plainest way.
struct Expected {
  enum class What { kEnd, kBody, kRefused } what;
  std::string_view body = {};
  std::string_view reason = {};
};

Expected expect(std::string_view bytes, std::uint64_t limit) {
  using What = Expected::What;
  if (bytes.empty()) return {What::kEnd};
  if (bytes.size() < kFrameHeaderBytes) {
    const bool alert = bytes.starts_with(kTlsAlert);
    return {What::kRefused, {}, alert ? "tls_required" : kTruncated};
  }
  const auto length = load_be_at<std::uint64_t>(bytes_of(bytes), 0);
  if (length > limit) {
    const bool handshake = bytes.starts_with(kTlsHandshake);
    return {What::kRefused, {}, handshake ? "tls_not_configured" : "frame_too_large"};
  }
  bytes.remove_prefix(kFrameHeaderBytes);
  if (bytes.size() < length) return {What::kRefused, {}, kTruncated};
  return {What::kBody, bytes.substr(0, length)};
}

void must_be_sent_as(std::string_view body, std::string_view frame) {
  StreamPair pair = unix_stream_pair();
  send_frame(pair.left, bytes_of(body), soon());
  pair.left.finish_sending();
  must(recv_text(pair.right) == frame, "a frame is sent as it was received");
}

}  // namespace

void fuzz_frame(std::string_view input) {
  if (input.size() < kLimitBytes) return;
  const std::uint64_t limit = load_be_at<std::uint16_t>(bytes_of(input), 0);
  std::string_view bytes = input.substr(kLimitBytes, kMaxStreamBytes);
  Stream stream = stream_of(bytes);
  while (true) {
    const Expected expected = expect(bytes, limit);
    try {
      const auto body = recv_frame(stream, limit, soon());
      must(expected.what != Expected::What::kRefused, "a bad frame is refused");
      must(body.has_value() == (expected.what == Expected::What::kBody),
           "nothing comes where the stream ends between frames, and only there");
      if (!body) return;
      must(text_of(*body) == expected.body, "a body is what was sent");
    } catch (const ProtocolError& error) {
      must(expected.what == Expected::What::kRefused, "a good frame is taken");
      must(error.reason() == expected.reason, "a frame is refused with the reason that it gives");
      return;
    }
    const std::size_t size = kFrameHeaderBytes + expected.body.size();
    must_be_sent_as(expected.body, bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

}  // namespace piecework::fuzz
