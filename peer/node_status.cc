#include "peer/node_status.h"

#include <cmath>
#include <limits>

#include "common/json.h"

namespace piecework::peer {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();

Json torrent_json(const DownloadStatus& torrent) {
  const auto whole = [](double rate) { return static_cast<std::uint64_t>(rate); };
  Json json;
  json.add("hash", torrent.info_hash.to_hex())
      .add("name", torrent.name)
      .add("state", download_state_name(torrent.state))
      .add("done", std::floor(torrent.done() * 10000) / 10000)
      .add("bytes", torrent.bytes)
      .add("length", torrent.length)
      .add("rate_down", whole(torrent.rate_down))
      .add("rate_up", whole(torrent.rate_up))
      .add("eta", eta_seconds(torrent))
      .add("peers", std::uint64_t{torrent.peers})
      .add("received", torrent.received)
      .add("wasted", torrent.wasted)
      .add("sent", torrent.sent)
      .add("reason", torrent.reason);
  return json;
}

DownloadState parse_state(const std::string& name) {
  for (const DownloadState state : kDownloadStates) {
    if (download_state_name(state) == name) return state;
  }
  throw JsonError("state: " + name + " is not known");
}

DownloadStatus parse_torrent_status(const Json& json) {
  DownloadStatus torrent;
  const auto hash = InfoHash::parse_hex(json.require_string("hash"));
  if (!hash) throw JsonError("hash: must be 64 hex digits");
  torrent.info_hash = *hash;
  torrent.name = json.require_string("name");
  torrent.state = parse_state(json.require_string("state"));
  torrent.bytes = json.require_unsigned("bytes", 0, kAny);
  torrent.length = json.require_unsigned("length", 0, kAny);
  torrent.rate_down = static_cast<double>(json.require_unsigned("rate_down", 0, kAny));
  torrent.rate_up = static_cast<double>(json.require_unsigned("rate_up", 0, kAny));
  torrent.peers = json.require_unsigned("peers", 0, kAny);
  torrent.received = json.require_unsigned("received", 0, kAny);
  torrent.wasted = json.require_unsigned("wasted", 0, kAny);
  torrent.sent = json.require_unsigned("sent", 0, kAny);
  torrent.reason = json.require_string("reason");
  return torrent;
}

}  // namespace

std::string format_status(const NodeStatus& status) {
  Json::Array listening;
  for (const std::string& endpoint : status.listening) listening.emplace_back(endpoint);
  Json::Array torrents;
  for (const DownloadStatus& torrent : status.torrents) torrents.push_back(torrent_json(torrent));
  Json json;
  json.add("version", status.version)
      .add("pid", status.pid)
      .add("listening", std::move(listening))
      .add("connections", std::uint64_t{status.connections})
      .add("denied", status.denied)
      .add("torrents", std::move(torrents));
  return json.dump_pretty() + "\n";
}

NodeStatus parse_status(const std::string& text) {
  const Json json = Json::parse(text);
  NodeStatus status;
  status.version = json.require_string("version");
  status.pid = static_cast<std::int64_t>(json.require_unsigned("pid", 0, kAny));
  status.connections = json.require_unsigned("connections", 0, kAny);
  status.denied = json.require_unsigned("denied", 0, kAny);
  for (const Json& endpoint : json.require_array("listening")) {
    if (endpoint.string() != nullptr) status.listening.push_back(*endpoint.string());
  }
  for (const Json& torrent : json.require_array("torrents")) {
    status.torrents.push_back(parse_torrent_status(torrent));
  }
  return status;
}

std::uint64_t eta_seconds(const DownloadStatus& status) {
  if (status.state != DownloadState::kDownloading || status.rate_down < 1) return 0;
  const auto left = static_cast<double>(status.length - std::min(status.length, status.bytes));
  return static_cast<std::uint64_t>(std::ceil(left / status.rate_down));
}

}  // namespace piecework::peer
