// What the tracker answers to one request (PROTOCOL.md section 4): decides which swarm and which
// address it is about, asks the registry, counts and logs. Knows no sockets, and the time only as
// an argument. Safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/access_list.h"
#include "common/announce.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "common/mutex.h"
#include "tracker/network_map.h"
#include "tracker/swarm_registry.h"

namespace piecework::tracker {

enum class Refusal { kBadRequest, kMaxSwarms, kMaxPeers, kDenied };
inline constexpr std::size_t kRefusals = 4;
std::string_view refusal_name(Refusal refusal);  // "bad_request", "max_swarms" and so on

class AnnounceService {
 public:
  struct Settings {
    seconds interval;              // told to peers that know it
    std::vector<Network> trusted;  // who may announce another address than the one seen
    NetworkMap networks = {};      // whose peers are told of each other first
    AccessList access = {};        // who may be in a swarm
  };

  struct Totals {
    std::uint64_t announces = 0;  // requests of all kinds, those refused included
    std::array<std::uint64_t, kRefusals> refused{};
  };

  // `registry` must outlive this object.
  AnnounceService(SwarmRegistry& registry, Settings settings);

  // The response to the text of a request that came from `seen` (the connection's other end).
  // Whatever the text is, there is an answer.
  std::string answer(std::string_view request, const Endpoint& seen, TimePoint now)
      EXCLUDES(mutex_);

  // Holds for the requests to come.
  void set_settings(Settings settings) EXCLUDES(mutex_);

  Totals totals() const EXCLUDES(mutex_);

 private:
  enum class Complaint { kForeignIp, kUnknownLeave };
  static constexpr std::size_t kComplaints = 2;

  AnnounceResponse answer_request(const AnnounceRequest& request, const Endpoint& seen,
                                  TimePoint now) EXCLUDES(mutex_);
  AnnounceResponse join(const AnnounceRequest& request, const Endpoint& peer,
                        const Settings& settings, TimePoint now) EXCLUDES(mutex_);
  void leave(const AnnounceRequest& request, const Endpoint& peer) EXCLUDES(mutex_);
  IpAddress address_of(const AnnounceRequest& request, const IpAddress& seen,
                       const Settings& settings) EXCLUDES(mutex_);
  AnnounceResponse refuse(Refusal refusal, const Endpoint& peer, const std::string& reason)
      EXCLUDES(mutex_);
  bool first_complaint(Complaint about, const IpAddress& address) EXCLUDES(mutex_);
  std::shared_ptr<const Settings> settings() const EXCLUDES(mutex_);

  SwarmRegistry& registry_;

  mutable Mutex mutex_;
  std::shared_ptr<const Settings> settings_ GUARDED_BY(mutex_);
  Totals totals_ GUARDED_BY(mutex_);
  // For each complaint, the addresses it has been logged about already, and shall not be again.
  std::array<std::unordered_set<IpAddress>, kComplaints> complained_ GUARDED_BY(mutex_);
};

}  // namespace piecework::tracker
