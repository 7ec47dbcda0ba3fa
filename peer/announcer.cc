#include "peer/announcer.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/log.h"
#include "peer/back_off.h"

namespace piecework::peer {
namespace {

constexpr seconds kAnswerTime{10};
constexpr seconds kReturnTime{3};  // the torrent waits meanwhile, and has a tracker
constexpr seconds kLongestListed{24 * 3600};
constexpr TimePoint kNever = TimePoint::min();
constexpr seconds kDefaultInterval{60};  // an original tracker names none
constexpr seconds kLongestInterval{3600};
constexpr seconds kAloneInterval{5};

std::vector<Endpoint> peers_of(const AnnounceResponse& response) {
  std::vector<Endpoint> peers;
  if (!response.peers) return peers;
  for (const AnnouncedPeer& peer : *response.peers) peers.push_back(peer.endpoint);
  return peers;
}

}  // namespace

Announcer::Announcer(const Torrent& torrent, const Identity& identity,
                     std::optional<IpAddress> announce_address, std::uint64_t random_seed,
                     const TlsCredentials& tls)
    : torrent_(torrent),
      identity_(identity),
      announce_address_(announce_address),
      tls_(tls),
      client_(tls),
      random_(random_seed),
      listed_until_(torrent.trackers.size(), kNever) {}

void Announcer::announce_soon(TimePoint when) {
  next_ = when;
  if (return_at_ != kNoDeadline) return_at_ = when;
}

std::optional<Announcer::Peers> Announcer::announce(const Counters& counters, bool alone) {
  const TimePoint now = Clock::now();
  if (now < return_at_) return announce_here(counters, alone);
  const auto peers = try_to_return(counters, alone);
  return peers || now < next_ ? peers : announce_here(counters, alone);
}

std::optional<Announcer::Peers> Announcer::announce_here(const Counters& counters, bool alone) {
  const bool first_time = listed_until_[tracker_] == kNever;
  try {
    const AnnounceResponse response = ask(tracker_, counters, kAnswerTime);
    if (!problem_.empty() || first_time) {
      Fields fields = log_fields(tracker_);
      fields.emplace_back("peers", response.peers ? response.peers->size() : 0);
      log_info("tracker.reached", fields);
    }
    problem_.clear();
    schedule_after_answer(response, alone);
    if (tracker_ > 0 && return_at_ == kNoDeadline) {
      earlier_ = 0;
      earlier_failures_ = 0;
      return_at_ = Clock::now() + back_off(earlier_failures_, random_);
    }
    return peers_of(response);
  } catch (const std::exception& error) {
    problem_ = "tracker " + torrent_.trackers[tracker_].to_string() + ": " + error.what();
    Fields fields = log_fields(tracker_);
    fields.emplace_back("reason", error.what());
    log_warn("tracker.failed", fields);
    schedule_after_failure();
    return std::nullopt;
  }
}

std::optional<Announcer::Peers> Announcer::try_to_return(const Counters& counters, bool alone) {
  try {
    const AnnounceResponse response = ask(earlier_, counters, kReturnTime);
    Fields fields = log_fields(earlier_);
    fields.emplace_back("from", torrent_.trackers[tracker_].to_string());
    fields.emplace_back("peers", response.peers ? response.peers->size() : 0);
    log_info("tracker.returned", fields);
    // The later one is not told: those who have not come back yet find us there until we expire.
    tracker_ = std::exchange(earlier_, 0);
    earlier_failures_ = 0;
    return_at_ = tracker_ == 0 ? kNoDeadline : Clock::now() + back_off(0, random_);
    schedule_after_answer(response, alone);
    return peers_of(response);
  } catch (const std::exception& error) {
    Fields fields = log_fields(earlier_);
    fields.emplace_back("reason", error.what());
    log_debug("tracker.failed", fields);
    earlier_ = (earlier_ + 1) % tracker_;
    if (earlier_ == 0) ++earlier_failures_;
    return_at_ = Clock::now() + back_off(earlier_failures_, random_);
    return std::nullopt;
  }
}

AnnounceResponse Announcer::ask(std::size_t tracker, const Counters& counters, seconds time) {
  AnnounceResponse response = client_.announce(
      torrent_.trackers[tracker], request(counters, AnnounceEvent::kStarted), Clock::now() + time);
  // An original tracker, which names no interval, forgets nobody (PROTOCOL.md section 4).
  listed_until_[tracker] = response.interval
                               ? Clock::now() + std::min(*response.interval, kLongestListed) * 5 / 2
                               : kNoDeadline;
  return response;
}

void Announcer::leave(const Counters& counters, Deadline deadline) {
  std::vector<std::size_t> listing;
  for (std::size_t i = 0; i < listed_until_.size(); ++i) {
    const std::size_t tracker = (tracker_ + i) % listed_until_.size();
    if (std::exchange(listed_until_[tracker], kNever) > Clock::now()) listing.push_back(tracker);
  }
  for (std::size_t i = 0; i < listing.size(); ++i) {
    // One that is silent leaves the others their share.
    const TimePoint now = Clock::now();
    const auto share = (deadline - now) / static_cast<int>(listing.size() - i);
    leave_one(torrent_.trackers[listing[i]], counters, now + share);
  }
}

void Announcer::leave_one(const HostPort& tracker, const Counters& counters, Deadline deadline) {
  // The default swarm may be an original tracker's, which knows no `stopped`.
  const AnnounceEvent event =
      torrent_.form == HashForm::kOriginal ? AnnounceEvent::kCompleted : AnnounceEvent::kStopped;
  try {
    TrackerClient(tls_).announce(tracker, request(counters, event), deadline);
  } catch (const std::exception& error) {
    log_info("tracker.leave_failed", {{"tracker", tracker.to_string()},
                                      {"hash", torrent_.info_hash.to_short_hex()},
                                      {"reason", error.what()}});
  }
}

Fields Announcer::log_fields(std::size_t tracker) const {
  return {{"tracker", torrent_.trackers[tracker].to_string()},
          {"hash", torrent_.info_hash.to_short_hex()}};
}

AnnounceRequest Announcer::request(const Counters& counters, AnnounceEvent event) const {
  AnnounceRequest request;
  request.ip = announce_address_;
  request.port = identity_.port;
  request.peer_id = identity_.peer_id;
  request.event = event;
  // A torrent in the original form lives in the default swarm, where both kinds of peer meet.
  if (torrent_.form != HashForm::kOriginal) request.info_hash = torrent_.info_hash;
  request.left = counters.left;
  request.downloaded = counters.downloaded;
  request.uploaded = counters.uploaded;
  request.numwant = kDefaultNumwant;
  return request;
}

void Announcer::schedule_after_answer(const AnnounceResponse& response, bool alone) {
  failures_ = 0;
  seconds wait =
      std::clamp(response.interval.value_or(kDefaultInterval), seconds(1), kLongestInterval);
  if (alone) {
    const seconds least = std::max(response.min_interval.value_or(kAloneInterval), seconds(1));
    wait = std::min(wait, std::max(kAloneInterval, least));
  }
  next_ = Clock::now() + jittered(wait, random_);
}

void Announcer::schedule_after_failure() {
  tracker_ = (tracker_ + 1) % torrent_.trackers.size();
  return_at_ = kNoDeadline;  // all of them are tried
  next_ = Clock::now() + back_off(failures_++, random_);
}

}  // namespace piecework::peer
