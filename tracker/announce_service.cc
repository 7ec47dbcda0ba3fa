#include "tracker/announce_service.h"

#include <algorithm>
#include <utility>

#include "common/json.h"
#include "common/log.h"

namespace piecework::tracker {
namespace {

// Beyond as many addresses it forgets whom it has complained about: the log may repeat itself, but
// memory may not grow.
constexpr std::size_t kMaxComplained = 4096;

constexpr std::uint32_t kErrorCode = 1;

std::string swarm_name(const SwarmName& swarm) {
  return swarm ? swarm->to_short_hex() : "default";
}

AnnounceResponse plain_response(std::uint32_t error_code, std::string message) {
  AnnounceResponse response;
  response.error_code = error_code;
  response.message = std::move(message);
  return response;
}

// An early announce is answered all the same; this is advice.
seconds min_interval(seconds interval) {
  return std::max(seconds(1), interval / 12);
}

void log_join(const SwarmRegistry::Announce& announce, const SwarmRegistry::Answer& answer) {
  if (answer.outcome != SwarmRegistry::Outcome::kJoined || !log_enabled(LogLevel::kDebug)) return;
  const std::string swarm = swarm_name(announce.swarm);
  if (answer.new_swarm) log_debug("swarm.created", {{"hash", swarm}});
  log_debug("peer.joined", {{"peer", announce.peer.to_string()},
                            {"hash", swarm},
                            {"complete", answer.complete},
                            {"incomplete", answer.incomplete}});
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kBadRequest: return "bad_request";
    case Refusal::kMaxSwarms: return "max_swarms";
    case Refusal::kDenied: return "denied";
    default: return "max_peers";
  }
}

AnnounceService::AnnounceService(SwarmRegistry& registry, Settings settings)
    : registry_(registry), settings_(std::make_shared<const Settings>(std::move(settings))) {}

std::string AnnounceService::answer(std::string_view request, const Endpoint& seen, TimePoint now) {
  {
    MutexLock lock(mutex_);
    ++totals_.announces;
  }
  AnnounceResponse response;
  try {
    response = answer_request(parse_announce_request(request), seen, now);
  } catch (const JsonError& error) {
    response = refuse(Refusal::kBadRequest, seen, error.what());
  }
  return format_announce_response(response);
}

void AnnounceService::set_settings(Settings settings) {
  auto shared = std::make_shared<const Settings>(std::move(settings));
  MutexLock lock(mutex_);
  settings_.swap(shared);
}

AnnounceService::Totals AnnounceService::totals() const {
  MutexLock lock(mutex_);
  return totals_;
}

AnnounceResponse AnnounceService::answer_request(const AnnounceRequest& request,
                                                 const Endpoint& seen, TimePoint now) {
  const auto settings_now = settings();
  const Endpoint peer{address_of(request, seen.address, *settings_now), request.port};
  if (request.event != AnnounceEvent::kStarted) {
    leave(request, peer);
    return plain_response(0, "disconnect ACK");
  }
  AnnounceResponse response = join(request, peer, *settings_now, now);
  if (request.is_extended() && response.error_code == 0) response.observed = seen;
  return response;
}

AnnounceResponse AnnounceService::join(const AnnounceRequest& request, const Endpoint& peer,
                                       const Settings& settings_now, TimePoint now) {
  // Who is denied is not served, but one that is trusted to may name another address.
  if (!settings_now.access.admits(peer.address)) return refuse(Refusal::kDenied, peer, "denied");
  const SwarmRegistry::Announce announce{.swarm = request.info_hash,
                                         .peer = peer,
                                         .peer_id = request.peer_id,
                                         .renews = request.is_extended(),
                                         .complete = request.left == 0,
                                         .numwant = request.numwant.value_or(kDefaultNumwant),
                                         .network = settings_now.networks.network_of(peer.address)};
  SwarmRegistry::Answer answer = registry_.announce(announce, now);
  if (answer.outcome == SwarmRegistry::Outcome::kTooManySwarms) {
    return refuse(Refusal::kMaxSwarms, peer, "max_swarms");
  }
  if (answer.outcome == SwarmRegistry::Outcome::kTooManyPeers) {
    return refuse(Refusal::kMaxPeers, peer, "max_peers");
  }
  log_join(announce, answer);
  AnnounceResponse response = plain_response(0, "started ACK");
  response.peers = std::move(answer.peers);
  if (request.is_extended()) {
    response.interval = settings_now.interval;
    response.min_interval = min_interval(settings_now.interval);
    response.complete = answer.complete;
    response.incomplete = answer.incomplete;
  }
  return response;
}

void AnnounceService::leave(const AnnounceRequest& request, const Endpoint& peer) {
  const std::string swarm = swarm_name(request.info_hash);
  if (registry_.leave(request.info_hash, peer)) {
    log_debug("peer.left", {{"peer", peer.to_string()}, {"hash", swarm}, {"reason", "left"}});
  } else if (first_complaint(Complaint::kUnknownLeave, peer.address)) {
    log_info("announce.leave_ignored", {{"peer", peer.to_string()},
                                        {"hash", swarm},
                                        {"peer_id", request.peer_id},
                                        {"reason", "not_listed"}});
  }
}

// The address an entry stands under: the one seen, unless that is trusted to name another.
IpAddress AnnounceService::address_of(const AnnounceRequest& request, const IpAddress& seen,
                                      const Settings& settings_now) {
  if (!request.ip || *request.ip == seen || request.ip->is_unspecified()) return seen;
  const auto& trusted = settings_now.trusted;
  const auto covers = [&seen](const Network& network) { return network.contains(seen); };
  if (std::any_of(trusted.begin(), trusted.end(), covers)) return *request.ip;
  if (first_complaint(Complaint::kForeignIp, seen)) {
    log_warn("announce.ip_ignored", {{"peer", Endpoint{seen, request.port}.to_string()},
                                     {"ip", request.ip->to_string()},
                                     {"reason", "not_trusted"}});
  }
  return seen;
}

AnnounceResponse AnnounceService::refuse(Refusal refusal, const Endpoint& peer,
                                         const std::string& reason) {
  {
    MutexLock lock(mutex_);
    ++totals_.refused[static_cast<std::size_t>(refusal)];
  }
  log_warn("announce.refused", {{"peer", peer.to_string()}, {"reason", reason}});
  const bool full = refusal == Refusal::kMaxSwarms || refusal == Refusal::kMaxPeers;
  return plain_response(kErrorCode, full ? "the tracker is full: " + reason : reason);
}

bool AnnounceService::first_complaint(Complaint about, const IpAddress& address) {
  MutexLock lock(mutex_);
  auto& known = complained_[static_cast<std::size_t>(about)];
  if (known.size() >= kMaxComplained) known.clear();
  return known.insert(address).second;
}

std::shared_ptr<const AnnounceService::Settings> AnnounceService::settings() const {
  MutexLock lock(mutex_);
  return settings_;
}

}  // namespace piecework::tracker
