// The connections of one torrent: dials the peers of its swarm when each is due, talks with them
// and with those that dial us, and notes in its PeerBook how that went. Each connection has a
// thread of ConnectionThreads. The public functions are safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "common/connection_threads.h"
#include "common/mutex.h"
#include "common/tls_credentials.h"
#include "common/torrent.h"
#include "peer/ban_list.h"
#include "peer/handshake.h"
#include "peer/peer_book.h"
#include "peer/random.h"
#include "peer/swarm.h"

namespace piecework::peer {

class Dialler {
 public:
  // Outlives it, and its connections.
  struct Environment {
    ConnectionThreads& connections;
    const BanList& bans;
    const TlsCredentials& tls;
    int socket_buffer_bytes = 0;  // 0: the kernel's choice
  };

  // Of the torrent; called with no lock held.
  struct Owner {
    // Kept by the thread of each connection that was dialled, for as long as that lasts.
    std::function<std::shared_ptr<const void>()> keep;
    std::function<std::shared_ptr<Swarm>()> swarm;  // null: it takes part in none for now
    std::function<void()> changed;                  // who is connected, or next_due()
  };

  Dialler(const Torrent& torrent, const Environment& environment, Owner owner,
          std::uint64_t random_seed);

  void named_by_tracker(const std::vector<Endpoint>& peers) EXCLUDES(mutex_);
  std::size_t known() const EXCLUDES(mutex_);  // peers that the tracker has named

  // Dials who is due; and a single peer that has much for us a second time, since that keeps a
  // second core busy at both ends. There must be a swarm.
  void dial_due(Swarm& swarm) EXCLUDES(mutex_);
  TimePoint next_due() const EXCLUDES(mutex_);

  // Talks with a peer that dialled us, in its thread, until that is over.
  void accept(ConnectionThreads::Connection& connection, FirstFrame first) EXCLUDES(mutex_);

  // Everyone may have something for us again.
  void start_over() EXCLUDES(mutex_);
  // Environment::connections admits others than before.
  void readmit() EXCLUDES(mutex_);

 private:
  bool may_dial(const Endpoint& peer) EXCLUDES(mutex_);
  void dial(const Endpoint& peer, std::uint32_t number) EXCLUDES(mutex_);
  bool start_dialling(const Endpoint& peer, std::uint32_t number);
  void dial_lone_peer_again(Swarm& swarm) EXCLUDES(mutex_);
  std::optional<Endpoint> lone_peer(Swarm& swarm) const EXCLUDES(mutex_);
  void talk_to_dialled(ConnectionThreads::Connection& connection, const Endpoint& peer,
                       std::uint32_t number) EXCLUDES(mutex_);
  Outcome converse(ConnectionThreads::Connection& connection, std::optional<FirstFrame> first,
                   std::uint32_t number, const std::function<void(const Endpoint&)>& on_met);
  void ended(const Endpoint& peer, Outcome outcome) EXCLUDES(mutex_);

  const Torrent& torrent_;
  const Environment environment_;
  const Owner owner_;

  mutable Mutex mutex_;
  TimePoint next_parallel_ GUARDED_BY(mutex_) = TimePoint::min();
  PeerBook book_ GUARDED_BY(mutex_);
  Random random_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
