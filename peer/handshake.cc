#include "peer/handshake.h"

#include <algorithm>
#include <random>

#include "common/byte_order.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/messages.h"
#include "common/peer_id.h"

namespace piecework::peer {

PeerId make_peer_id() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  PeerId id;
  while (id.size() < 32) id += kDigits[random() & 0xf];
  return id;
}

bool Greeting::has_feature(std::string_view name) const {
  return std::find(features.begin(), features.end(), name) != features.end();
}

Greeting parse_greeting(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Greeting greeting;
    const auto info_hash = InfoHash::parse_hex(json.require_string("info_hash"));
    if (!info_hash) throw JsonError("info_hash: must be 64 hex digits");
    greeting.info_hash = *info_hash;
    greeting.peer_id = json.require_string("peer_id");
    if (!is_peer_id(greeting.peer_id)) {
      throw JsonError("peer_id: must be 1 to 64 characters of printable ASCII");
    }
    greeting.port = static_cast<std::uint16_t>(json.require_unsigned("port", 0, 65535));
    greeting.connection = static_cast<std::uint32_t>(json.require_unsigned("connection", 0, 255));
    greeting.requests = static_cast<std::uint32_t>(json.require_unsigned("requests", 1, 1U << 20));
    if (json.find("agent") != nullptr) greeting.agent = json.require_string("agent");
    if (json.find("features") != nullptr) {
      for (const Json& feature : json.require_array("features")) {
        if (feature.string() == nullptr) throw JsonError("features: must hold strings");
        greeting.features.push_back(*feature.string());
      }
    }
    return greeting;
  } catch (const JsonError& error) {
    throw ProtocolError("bad_greeting", {{"error", error.what()}});
  }
}

std::string format_greeting(const Greeting& greeting) {
  Json::Array features;
  for (const std::string& feature : greeting.features) features.emplace_back(feature);
  Json json;
  json.add("info_hash", greeting.info_hash.to_hex())
      .add("peer_id", greeting.peer_id)
      .add("port", greeting.port)
      .add("connection", greeting.connection)
      .add("requests", greeting.requests)
      .add("agent", greeting.agent)
      .add("features", std::move(features));
  return json.dump();
}

std::optional<FirstFrame> recv_first_frame(Stream& stream, std::uint32_t max_pieces,
                                           Deadline deadline) {
  const auto head = recv_message_head(stream, max_bitfield_frame(max_pieces), deadline, deadline);
  // ServerClose: it parts before it has met us, because it stops or has a better connection to us.
  if (!head || head->id == MessageId::kServerClose) return std::nullopt;
  if (head->id != MessageId::kBitfield) {
    throw ProtocolError("bitfield_expected",
                        {{"got", head->id ? message_name(*head->id) : "KeepAlive"}});
  }
  if (head->payload_bytes > max_pieces) {
    throw ProtocolError("bitfield_length", {{"pieces", head->payload_bytes}});
  }
  std::vector<std::byte> payload(head->payload_bytes);
  recv_body(stream, payload, deadline);
  FirstFrame first{Bitfield::from_wire(payload), std::nullopt};
  if (head->greeting_bytes > 0) {
    std::string text(head->greeting_bytes, '\0');
    recv_body(stream, std::as_writable_bytes(std::span(text)), deadline);
    first.greeting = parse_greeting(text);
  }
  return first;
}

std::vector<std::byte> encode_first_frame(const Bitfield& pieces, const Greeting* greeting) {
  const std::string tail = greeting != nullptr ? format_greeting(*greeting) : "";
  const std::size_t message_length = kMessageIdBytes + pieces.size();
  std::vector<std::byte> frame(kFrameHeaderBytes + kMessageLengthBytes + message_length);
  const std::span<std::byte> out(frame);
  store_be_at<std::uint64_t>(out, 0, frame.size() - kFrameHeaderBytes + tail.size());
  store_be_at<std::uint32_t>(out, kFrameHeaderBytes, static_cast<std::uint32_t>(message_length));
  const std::size_t id_at = kFrameHeaderBytes + kMessageLengthBytes;
  frame[id_at] = static_cast<std::byte>(MessageId::kBitfield);
  pieces.to_wire(out.subspan(id_at + kMessageIdBytes));
  const auto tail_bytes = std::as_bytes(std::span(tail));
  frame.insert(frame.end(), tail_bytes.begin(), tail_bytes.end());
  return frame;
}

}  // namespace piecework::peer
