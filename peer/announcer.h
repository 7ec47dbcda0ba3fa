// When one torrent announces itself, to which of its trackers, and what with: the schedule, and the
// exchange itself. An unreachable tracker is tried again after 1 s … 60 s with jitter, and the next
// one in the list takes its place.
// One thread at a time, except cancel().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/torrent.h"
#include "peer/random.h"
#include "peer/swarm.h"
#include "peer/tracker_client.h"

namespace piecework::peer {

class Announcer {
 public:
  // `announce_address`: what this host calls itself to trackers that believe it; usually nothing.
  Announcer(const Torrent& torrent, const Identity& identity,
            std::optional<IpAddress> announce_address, std::uint64_t random_seed);

  struct Counters {
    std::uint64_t left = 0;
    std::uint64_t downloaded = 0;
    std::uint64_t uploaded = 0;
  };

  TimePoint next() const { return next_; }
  void announce_soon(TimePoint when) { next_ = when; }

  // Announces once and sets next(). Returns the peers named; nothing when no tracker answered,
  // which is logged. `alone`: ask again sooner than usual, there is nobody to talk to.
  std::optional<std::vector<Endpoint>> announce(const Counters& counters, bool alone);

  // Leaves the swarm at the tracker that answered last, if any.
  void leave(const Counters& counters, Deadline deadline);

  void cancel() { client_.cancel(); }

  // Why no tracker answered; empty when the last announce was answered.
  const std::string& problem() const { return problem_; }

 private:
  AnnounceRequest request(const Counters& counters, AnnounceEvent event) const;
  void schedule_after_answer(const AnnounceResponse& response, bool alone);
  void schedule_after_failure();

  const Torrent& torrent_;
  const Identity& identity_;
  const std::optional<IpAddress> announce_address_;
  TrackerClient client_;
  Random random_;
  std::size_t tracker_ = 0;            // of torrent_.trackers: the one to try next
  int failures_ = 0;                   // since the last answer
  std::optional<std::size_t> joined_;  // the one that answered last, until leave()
  TimePoint next_ = Clock::now();
  std::string problem_;
};

}  // namespace piecework::peer
