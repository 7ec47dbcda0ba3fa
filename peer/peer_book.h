// The addresses of one torrent's swarm as the tracker named them, and when each may be dialled
// (again). Pure: no sockets, no clock, randomness from the caller. One thread at a time; Download
// guards it.
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"
#include "peer/random.h"

namespace piecework::peer {

// How a conversation, or the attempt at one, ended.
enum class Outcome {
  kUnreachable,   // refused, timed out, no route
  kLost,          // the connection broke, or the other side left
  kOriginalLost,  // the same of an original
  kSilent,        // it ended before the other side's first frame
  kBroken,        // the other side broke the protocol
  kOther,         // it does not know this torrent, or means another one
  kSelf,          // that was us
  kSurplus,       // there is a better connection to the same peer
  kBothComplete,  // neither has anything for the other
  kOver,          // an original has said all it will say on this connection
  kBanned,        // it sent wrong pieces
  kDenied,        // the operator wants no connection with it
  kStopped,       // by us, stopping
};

std::string_view outcome_name(Outcome outcome);  // one word of [a-z_], for the log

class PeerBook {
 public:
  explicit PeerBook(std::size_t max_dialled) : max_dialled_(max_dialled) {}

  // The tracker named these. Known ones keep their times; those that it has not named for a long
  // time are forgotten.
  void named_by_tracker(const std::vector<Endpoint>& peers, TimePoint now);

  // Endpoints to dial now, at most as many as there are places left; they count as dialled until
  // ended().
  std::vector<Endpoint> take_due(TimePoint now);
  // When take_due() may have something again; kNoDeadline when only ended() or the tracker can
  // bring it.
  TimePoint next_due() const;

  // A conversation with `peer` that we had dialled ended, in that way.
  void ended(const Endpoint& peer, Outcome outcome, TimePoint now, Random& random);

  // What we hold has changed for the worse: everyone may have something for us again.
  void start_over(TimePoint now);

  // The operator has changed whom to deny.
  void readmit(TimePoint now);

  // A peer that dialled us turned out to listen at `peer` (or has gone again): there is no need to
  // dial it.
  void accepted_from(const Endpoint& peer);
  void accepted_gone(const Endpoint& peer, TimePoint now);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    TimePoint not_before;
    TimePoint named;
    int failures = 0;
    bool dialled = false;
    bool denied = false;
  };

  bool has_place() const { return dialled_ < max_dialled_; }

  const std::size_t max_dialled_;
  std::size_t dialled_ = 0;
  std::unordered_map<Endpoint, Entry> entries_;
  // Connections that each has dialled. Apart, since a peer may dial us before the tracker names it.
  std::unordered_map<Endpoint, int> accepted_;
};

}  // namespace piecework::peer
