// The messages between tracker and peer (PROTOCOL.md section 4), one JSON object a frame: a peer
// announces itself, the tracker answers with others. The keys that are extensions appear only where
// the other side has shown that it knows them.
// Plain values and pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/torrent.h"

namespace piecework {

inline constexpr std::uint64_t kMaxAnnounceRequestBytes = 16 << 10;
inline constexpr std::uint64_t kMaxAnnounceResponseBytes = 1 << 20;
// More than the longest answer holds when it is full of peers. Full of numbers it would hold five
// times as many, and each value takes some 50 bytes once it is read.
inline constexpr std::size_t kMaxAnnounceResponseValues = 100'000;
inline constexpr std::uint32_t kDefaultNumwant = 50;
inline constexpr std::uint32_t kMaxNumwant = 200;

enum class AnnounceEvent {
  kStarted,    // joins the swarm, or stays in it
  kCompleted,  // leaves it
  kStopped,    // leaves it too; unknown to an original tracker
};

struct AnnounceRequest {
  std::optional<IpAddress> ip;
  std::uint16_t port = 0;  // where the peer listens; 1–65535
  std::string peer_id;     // 1–64 printable ASCII
  AnnounceEvent event = AnnounceEvent::kStarted;
  // Extensions.
  std::optional<InfoHash> info_hash;  // none: the default swarm
  std::optional<std::uint64_t> left;  // bytes, as are the next two
  std::optional<std::uint64_t> downloaded;
  std::optional<std::uint64_t> uploaded;
  std::optional<std::uint32_t> numwant;  // at most kMaxNumwant after parsing

  // Does any extension key stand in it? Then the sender is no original program.
  bool is_extended() const;
};

struct AnnouncedPeer {
  std::string peer_id;
  Endpoint endpoint;
  bool operator==(const AnnouncedPeer&) const = default;
};

struct AnnounceResponse {
  std::uint32_t error_code = 0;  // 0: all is well
  std::string message;
  // The answer to `started`; nothing in that to a leave or to a bad request.
  std::optional<std::vector<AnnouncedPeer>> peers;
  // Extensions.
  std::optional<seconds> interval;
  std::optional<seconds> min_interval;
  std::optional<std::uint64_t> complete;
  std::optional<std::uint64_t> incomplete;
  std::optional<Endpoint> observed;  // the asker, as the tracker saw it
};

// Throws JsonError naming the key, or the offset of a syntax error. Unknown keys are ignored; a
// numwant over the most is cut to it.
AnnounceRequest parse_announce_request(std::string_view text);
std::string format_announce_request(const AnnounceRequest& request);

// Takes what an original tracker sends as well. Throws JsonError when the text is no JSON object
// with an error_code. Listed peers without a usable address and extension keys that make no sense
// are left out.
AnnounceResponse parse_announce_response(std::string_view text);
std::string format_announce_response(const AnnounceResponse& response);

}  // namespace piecework
