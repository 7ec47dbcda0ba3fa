#include "peer/announcer.h"

#include <algorithm>

#include "common/errors.h"
#include "common/log.h"
#include "peer/back_off.h"

namespace piecework::peer {
namespace {

constexpr seconds kAnswerTime{10};
constexpr seconds kDefaultInterval{60};  // an original tracker names none
constexpr seconds kLongestInterval{3600};
constexpr seconds kAloneInterval{5};

}  // namespace

Announcer::Announcer(const Torrent& torrent, const Identity& identity,
                     std::optional<IpAddress> announce_address, std::uint64_t random_seed)
    : torrent_(torrent),
      identity_(identity),
      announce_address_(announce_address),
      random_(random_seed) {}

std::optional<std::vector<Endpoint>> Announcer::announce(const Counters& counters, bool alone) {
  const HostPort& tracker = torrent_.trackers[tracker_];
  try {
    const AnnounceResponse response = client_.announce(
        tracker, request(counters, AnnounceEvent::kStarted), Clock::now() + kAnswerTime);
    if (!problem_.empty() || !joined_) {
      log_info("tracker.reached", {{"tracker", tracker.to_string()},
                                   {"hash", torrent_.info_hash.to_short_hex()},
                                   {"peers", response.peers ? response.peers->size() : 0}});
    }
    problem_.clear();
    joined_ = tracker_;
    schedule_after_answer(response, alone);
    std::vector<Endpoint> peers;
    if (response.peers) {
      for (const AnnouncedPeer& peer : *response.peers) peers.push_back(peer.endpoint);
    }
    return peers;
  } catch (const std::exception& error) {
    problem_ = "tracker " + tracker.to_string() + ": " + error.what();
    log_warn("tracker.failed", {{"tracker", tracker.to_string()},
                                {"hash", torrent_.info_hash.to_short_hex()},
                                {"reason", error.what()}});
    schedule_after_failure();
    return std::nullopt;
  }
}

void Announcer::leave(const Counters& counters, Deadline deadline) {
  if (!joined_) return;
  const HostPort& tracker = torrent_.trackers[*joined_];
  // The default swarm may be an original tracker's, which knows no `stopped`.
  const AnnounceEvent event =
      torrent_.form == HashForm::kOriginal ? AnnounceEvent::kCompleted : AnnounceEvent::kStopped;
  try {
    TrackerClient().announce(tracker, request(counters, event), deadline);
  } catch (const std::exception& error) {
    log_info("tracker.leave_failed", {{"tracker", tracker.to_string()},
                                      {"hash", torrent_.info_hash.to_short_hex()},
                                      {"reason", error.what()}});
  }
  joined_.reset();
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
  next_ = Clock::now() + back_off(failures_++, random_);
}

}  // namespace piecework::peer
