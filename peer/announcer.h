// When one torrent announces itself, to which of its trackers, and what with: the schedule, and the
// exchange itself. Each announce goes to one tracker. One that does not answer is tried again after
// 1 s … 60 s with jitter, and the next one in the list takes its place. As long as that one
// answers, those before it are tried as often, in turn, besides the announces that are due: peers
// that have found another tracker are a swarm of their own until all of them are back. One thread
// at a time, except cancel() and allow().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/fields.h"
#include "common/tls_credentials.h"
#include "common/torrent.h"
#include "peer/random.h"
#include "peer/swarm.h"
#include "peer/tracker_client.h"

namespace piecework::peer {

class Announcer {
 public:
  // `announce_address`: what this host calls itself to trackers that believe it; usually nothing.
  // `tls` must outlive this object.
  Announcer(const Torrent& torrent, const Identity& identity,
            std::optional<IpAddress> announce_address, std::uint64_t random_seed,
            const TlsCredentials& tls = TlsCredentials::none());

  struct Counters {
    std::uint64_t left = 0;
    std::uint64_t downloaded = 0;
    std::uint64_t uploaded = 0;
  };

  TimePoint next() const { return std::min(next_, return_at_); }
  void announce_soon(TimePoint when);

  // Does what is due, or announces all the same, and sets next(). Returns the peers named; nothing
  // when no tracker answered, which is logged, or an earlier one was tried in vain. `alone`: ask
  // again sooner than usual, there is nobody to talk to.
  std::optional<std::vector<Endpoint>> announce(const Counters& counters, bool alone);

  // Leaves the swarm at every tracker that still lists us, first at the one that answered last.
  void leave(const Counters& counters, Deadline deadline);

  // Ends what is under way and lets nothing begin, except leave(), until allow().
  void cancel() { client_.cancel(); }
  void allow() { client_.allow(); }

  // Why no tracker answered; empty when the last announce was answered.
  const std::string& problem() const { return problem_; }

 private:
  using Peers = std::vector<Endpoint>;

  std::optional<Peers> announce_here(const Counters& counters, bool alone);
  std::optional<Peers> try_to_return(const Counters& counters, bool alone);
  AnnounceResponse ask(std::size_t tracker, const Counters& counters, seconds time);
  void leave_one(const HostPort& tracker, const Counters& counters, Deadline deadline);
  Fields log_fields(std::size_t tracker) const;
  AnnounceRequest request(const Counters& counters, AnnounceEvent event) const;
  void schedule_after_answer(const AnnounceResponse& response, bool alone);
  void schedule_after_failure();

  const Torrent& torrent_;
  const Identity& identity_;
  const std::optional<IpAddress> announce_address_;
  const TlsCredentials& tls_;
  TrackerClient client_;
  Random random_;
  std::size_t tracker_ = 0;  // of torrent_.trackers: the one to try next
  int failures_ = 0;         // since the last answer
  TimePoint next_ = Clock::now();
  // While tracker_ answers and is not the first: which one before it is tried next, and when.
  std::size_t earlier_ = 0;
  int earlier_failures_ = 0;
  TimePoint return_at_ = kNoDeadline;
  std::vector<TimePoint> listed_until_;  // at each tracker, as far as we know
  std::string problem_;
};

}  // namespace piecework::peer
