#include "common/announce.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

#include "common/json.h"
#include "common/peer_id.h"

namespace piecework {
namespace {

constexpr std::uint64_t kMaxUnsigned = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMaxPort = 65535;
constexpr std::uint64_t kMaxIntervalSeconds = 24 * 60 * 60;

constexpr std::array<std::pair<AnnounceEvent, const char*>, 3> kEvents{
    {{AnnounceEvent::kStarted, "started"},
     {AnnounceEvent::kCompleted, "completed"},
     {AnnounceEvent::kStopped, "stopped"}}};

Json parse_object(std::string_view text, std::size_t max_values = kMaxJsonValues) {
  Json message = Json::parse(text, max_values);
  if (!message.is_object()) throw JsonError("must be a JSON object");
  return message;
}

AnnounceEvent parse_event(const Json& message) {
  const std::string& name = message.require_string("event");
  for (const auto& [event, known] : kEvents) {
    if (name == known) return event;
  }
  throw JsonError("event: must be started, completed or stopped");
}

const char* event_name(AnnounceEvent event) {
  return kEvents[static_cast<std::size_t>(event)].second;
}

std::optional<IpAddress> parse_ip(const Json& message) {
  const Json* member = message.find("ip");
  if (member == nullptr || member->is_null()) return std::nullopt;
  const auto address = IpAddress::parse(message.require_string("ip"));
  if (!address) throw JsonError("ip: must be an IP address");
  return address;
}

std::optional<InfoHash> parse_info_hash(const Json& message) {
  if (message.find("info_hash") == nullptr) return std::nullopt;
  const auto info_hash = InfoHash::parse_hex(message.require_string("info_hash"));
  if (!info_hash) throw JsonError("info_hash: must be 64 hex digits");
  return info_hash;
}

std::optional<std::uint64_t> parse_count(const Json& message, std::string_view key) {
  if (message.find(key) == nullptr) return std::nullopt;
  return message.require_unsigned(key, 0, kMaxUnsigned);
}

// A member of a response as a whole number in that range; nothing when it is anything else.
std::optional<std::uint64_t> find_unsigned(const Json& message, std::string_view key,
                                           std::uint64_t least, std::uint64_t most) {
  const Json* member = message.find(key);
  if (member == nullptr) return std::nullopt;
  const auto value = member->unsigned_integer();
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

std::optional<seconds> find_seconds(const Json& message, std::string_view key) {
  const auto value = find_unsigned(message, key, 1, kMaxIntervalSeconds);
  if (!value) return std::nullopt;
  return seconds(*value);
}

std::optional<Endpoint> find_endpoint(const Json& message, std::string_view ip_key,
                                      std::string_view port_key) {
  const Json* ip = message.find(ip_key);
  const auto port = find_unsigned(message, port_key, 1, kMaxPort);
  if (ip == nullptr || ip->string() == nullptr || !port) return std::nullopt;
  const auto address = IpAddress::parse(*ip->string());
  if (!address || address->is_unspecified()) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::vector<AnnouncedPeer> parse_peers(const Json::Array& listed) {
  std::vector<AnnouncedPeer> peers;
  for (const Json& entry : listed) {
    const auto endpoint = find_endpoint(entry, "peer-ip", "peer-port");
    if (!endpoint) continue;
    const Json* id = entry.find("peer-id");
    const std::string* text = id == nullptr ? nullptr : id->string();
    const bool usable = text != nullptr && is_peer_id(*text);
    peers.push_back({usable ? *text : std::string(), *endpoint});
  }
  return peers;
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
  out.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
}

void append_text(std::string& out, std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), plain)) {
    out.append(1, '"').append(text).append(1, '"');
  } else {
    out += Json(text).dump();
  }
}

void append_peers(std::string& out, const std::vector<AnnouncedPeer>& peers) {
  constexpr std::size_t kTypicalBytes = 90;
  out.reserve(out.size() + peers.size() * kTypicalBytes);
  char separator = '[';
  for (const AnnouncedPeer& peer : peers) {
    out.append(1, separator).append(R"({"peer-id":)");
    append_text(out, peer.peer_id);
    append_number(out.append(R"(,"peer-port":)"), peer.endpoint.port);
    append_text(out.append(R"(,"peer-ip":)"), peer.endpoint.address.to_string());
    out += '}';
    separator = ',';
  }
  out += peers.empty() ? "[]" : "]";
}

void add_count(Json& message, std::string_view key, const std::optional<std::uint64_t>& count) {
  if (count) message.add(key, *count);
}

void append_count(std::string& out, std::string_view key,
                  const std::optional<std::uint64_t>& count) {
  if (count) append_number(out.append(",\"").append(key).append("\":"), *count);
}

void append_seconds(std::string& out, std::string_view key, const std::optional<seconds>& time) {
  if (time) append_count(out, key, static_cast<std::uint64_t>(time->count()));
}

}  // namespace

bool AnnounceRequest::is_extended() const {
  return info_hash || left || downloaded || uploaded || numwant;
}

AnnounceRequest parse_announce_request(std::string_view text) {
  const Json message = parse_object(text);
  AnnounceRequest request;
  request.ip = parse_ip(message);
  request.port = static_cast<std::uint16_t>(message.require_unsigned("port", 1, kMaxPort));
  request.peer_id = message.require_string("peer_id");
  if (!is_peer_id(request.peer_id)) {
    throw JsonError("peer_id: must be 1 to 64 characters of printable ASCII");
  }
  request.event = parse_event(message);
  request.info_hash = parse_info_hash(message);
  request.left = parse_count(message, "left");
  request.downloaded = parse_count(message, "downloaded");
  request.uploaded = parse_count(message, "uploaded");
  if (const auto numwant = parse_count(message, "numwant")) {
    request.numwant = static_cast<std::uint32_t>(std::min<std::uint64_t>(*numwant, kMaxNumwant));
  }
  return request;
}

std::string format_announce_request(const AnnounceRequest& request) {
  Json message;
  if (request.ip) message.add("ip", request.ip->to_string());
  message.add("port", unsigned{request.port});
  message.add("peer_id", request.peer_id);
  message.add("event", event_name(request.event));
  if (request.info_hash) message.add("info_hash", request.info_hash->to_hex());
  add_count(message, "left", request.left);
  add_count(message, "downloaded", request.downloaded);
  add_count(message, "uploaded", request.uploaded);
  add_count(message, "numwant", request.numwant);
  return message.dump();
}

AnnounceResponse parse_announce_response(std::string_view text) {
  constexpr std::uint64_t kMaxErrorCode = std::numeric_limits<std::uint32_t>::max();
  const Json message = parse_object(text, kMaxAnnounceResponseValues);
  AnnounceResponse response;
  response.error_code =
      static_cast<std::uint32_t>(message.require_unsigned("error_code", 0, kMaxErrorCode));
  if (const Json* member = message.find("message"); member != nullptr && member->string()) {
    response.message = *member->string();
  }
  if (message.find("peers") != nullptr)
    response.peers = parse_peers(message.require_array("peers"));
  response.interval = find_seconds(message, "interval");
  response.min_interval = find_seconds(message, "min-interval");
  response.complete = find_unsigned(message, "complete", 0, kMaxUnsigned);
  response.incomplete = find_unsigned(message, "incomplete", 0, kMaxUnsigned);
  response.observed = find_endpoint(message, "observed-ip", "observed-port");
  return response;
}

// Written as text at once: a tree of values for each of the peers would take longer than all else
// that the tracker does.
std::string format_announce_response(const AnnounceResponse& response) {
  std::string out = R"({"error_code":)";
  append_number(out, response.error_code);
  append_text(out.append(R"(,"message":)"), response.message);
  if (response.peers) {
    append_count(out, "num-of-peer", response.peers->size());
    append_peers(out.append(R"(,"peers":)"), *response.peers);
  }
  append_seconds(out, "interval", response.interval);
  append_seconds(out, "min-interval", response.min_interval);
  append_count(out, "complete", response.complete);
  append_count(out, "incomplete", response.incomplete);
  if (response.observed) {
    append_text(out.append(R"(,"observed-ip":)"), response.observed->address.to_string());
    append_count(out, "observed-port", response.observed->port);
  }
  return out += '}';
}

}  // namespace piecework
