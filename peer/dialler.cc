#include "peer/dialler.h"

#include <system_error>
#include <utility>

#include "common/errors.h"
#include "common/fields.h"
#include "common/log.h"
#include "peer/peer_connection.h"

namespace piecework::peer {
namespace {

constexpr std::size_t kMaxDialled = 40;
constexpr seconds kConnectTime{5};
constexpr seconds kParallelEvery{10};
constexpr std::uint64_t kWorthASecondBytes = 16 << 20;

}  // namespace

Dialler::Dialler(const Torrent& torrent, const Environment& environment, Owner owner,
                 std::uint64_t random_seed)
    : torrent_(torrent),
      environment_(environment),
      owner_(std::move(owner)),
      book_(kMaxDialled),
      random_(random_seed) {}

void Dialler::named_by_tracker(const std::vector<Endpoint>& peers) {
  MutexLock lock(mutex_);
  book_.named_by_tracker(peers, Clock::now());
}

std::size_t Dialler::known() const {
  MutexLock lock(mutex_);
  return book_.size();
}

TimePoint Dialler::next_due() const {
  MutexLock lock(mutex_);
  return book_.next_due();
}

void Dialler::start_over() {
  MutexLock lock(mutex_);
  book_.start_over(Clock::now());
}

void Dialler::readmit() {
  {
    MutexLock lock(mutex_);
    book_.readmit(Clock::now());
  }
  owner_.changed();
}

void Dialler::dial_due(Swarm& swarm) {
  std::vector<Endpoint> due;
  {
    MutexLock lock(mutex_);
    due = book_.take_due(Clock::now());
  }
  for (const Endpoint& peer : due) {
    if (may_dial(peer)) dial(peer, 0);
  }
  dial_lone_peer_again(swarm);
}

bool Dialler::may_dial(const Endpoint& peer) {
  Outcome outcome = Outcome::kDenied;
  if (!environment_.connections.admits(peer.address)) {
    log_info("peer.not_dialled", {{"peer", peer.to_string()}, {"reason", outcome_name(outcome)}});
  } else if (environment_.bans.is_banned(peer.address, std::to_string(peer.port), Clock::now())) {
    // An original would take a piece to ask of us, and never put it back.
    outcome = Outcome::kBanned;
  } else {
    return true;
  }
  ended(peer, outcome);
  return false;
}

void Dialler::dial_lone_peer_again(Swarm& swarm) {
  const TimePoint now = Clock::now();
  {
    MutexLock lock(mutex_);
    if (now < next_parallel_) return;
  }
  const auto peer = lone_peer(swarm);
  if (!peer) return;
  {
    MutexLock lock(mutex_);
    if (now < next_parallel_) return;
    next_parallel_ = now + kParallelEvery;
  }
  dial(*peer, 1);
}

// Nobody but one peer has something for us.
std::optional<Endpoint> Dialler::lone_peer(Swarm& swarm) const {
  if (known() > 1) return std::nullopt;
  const auto connections = swarm.connections();
  if (connections.size() != 1) return std::nullopt;
  const PeerConnection::Status status = connections.front()->status();
  const std::uint64_t wanted =
      std::uint64_t{status.standing.wanted} * torrent_.layout.length(PieceIndex());
  return wanted < kWorthASecondBytes ? std::nullopt : status.reached_at;
}

void Dialler::dial(const Endpoint& peer, std::uint32_t number) {
  if (!start_dialling(peer, number) && number == 0) ended(peer, Outcome::kUnreachable);
}

// False, and said why, when it cannot be done for now.
bool Dialler::start_dialling(const Endpoint& peer, std::uint32_t number) {
  using Started = ConnectionThreads::Started;
  try {
    Stream stream = Stream::unconnected(peer);
    if (environment_.socket_buffer_bytes > 0) {
      stream.set_buffer_bytes(environment_.socket_buffer_bytes);
    }
    const Started started = environment_.connections.start(
        std::move(stream), peer, ConnectionThreads::Origin::kDialled,
        [kept = owner_.keep(), this, peer, number](ConnectionThreads::Connection& connection) {
          talk_to_dialled(connection, peer, number);
        });
    if (started == Started::kYes) return true;
    // A peer of many torrents has all its places taken as a matter of course, and tries on.
    log_line(started == Started::kNoThread ? LogLevel::kWarn : LogLevel::kDebug, "peer.not_dialled",
             {{"peer", peer.to_string()}, {"reason", ConnectionThreads::refusal(started)}});
  } catch (const std::system_error& error) {
    log_warn("peer.not_dialled", {{"peer", peer.to_string()}, {"reason", error.what()}});
  }
  return false;
}

void Dialler::talk_to_dialled(ConnectionThreads::Connection& connection, const Endpoint& peer,
                              std::uint32_t number) {
  Outcome outcome = Outcome::kUnreachable;
  try {
    connection.stream().connect(peer, Clock::now() + kConnectTime);
    environment_.tls.connect(connection.stream(), Clock::now() + kFirstFrameTime);
    outcome =
        converse(connection, std::nullopt, number, [this](const Endpoint&) { owner_.changed(); });
  } catch (const ProtocolError& error) {
    outcome = Outcome::kBroken;
    Fields fields{{"peer", peer.to_string()},
                  {"hash", torrent_.info_hash.to_short_hex()},
                  {"dialled", "yes"},
                  {"reason", error.reason()}};
    fields.insert(fields.end(), error.fields().begin(), error.fields().end());
    log_warn("peer.refused", fields);
  } catch (const std::exception& error) {
    log_debug("peer.unreachable", {{"peer", peer.to_string()},
                                   {"hash", torrent_.info_hash.to_short_hex()},
                                   {"reason", error.what()}});
  }
  if (number == 0) return ended(peer, outcome);
  owner_.changed();
}

void Dialler::accept(ConnectionThreads::Connection& connection, FirstFrame first) {
  std::optional<Endpoint> listens_at;
  converse(connection, std::move(first), 0, [&](const Endpoint& peer) {
    listens_at = peer;
    {
      MutexLock lock(mutex_);
      book_.accepted_from(peer);
    }
    owner_.changed();
  });
  if (!listens_at) return;
  {
    MutexLock lock(mutex_);
    book_.accepted_gone(*listens_at, Clock::now());
  }
  owner_.changed();
}

Outcome Dialler::converse(ConnectionThreads::Connection& connection,
                          std::optional<FirstFrame> first, std::uint32_t number,
                          const std::function<void(const Endpoint&)>& on_met) {
  const auto swarm = owner_.swarm();  // kept, whatever becomes of the torrent meanwhile
  if (!swarm) return Outcome::kStopped;
  const auto conversation = std::make_shared<PeerConnection>(
      *swarm, connection.stream(), connection.remote(), std::move(first), number);
  return conversation->run(on_met);
}

void Dialler::ended(const Endpoint& peer, Outcome outcome) {
  {
    MutexLock lock(mutex_);
    book_.ended(peer, outcome, Clock::now(), random_);
  }
  owner_.changed();
}

}  // namespace piecework::peer
