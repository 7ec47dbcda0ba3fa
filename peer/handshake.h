// The first frame each way between two peers: a Bitfield and, from a peer of ours, the greeting
// behind it (PROTOCOL.md section 5). A first frame without a greeting comes from an original
// program. Stateless functions and plain data; receiving follows the Stream's thread rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/stream.h"
#include "common/torrent.h"

namespace piecework::peer {

// A random token that names one run of one daemon: 32 hex digits.
using PeerId = std::string;
PeerId make_peer_id();

// All of the other side's first frame must be here by then.
inline constexpr seconds kFirstFrameTime{10};

// The most outstanding Requests that we take from one peer.
inline constexpr std::uint32_t kMaxQueuedRequests = 256;

// Messages beyond the original ones that the sender of a greeting takes.
inline constexpr std::string_view kFeatureCancel = "cancel";
inline constexpr std::string_view kFeatureSuggest = "suggest";

struct Greeting {
  InfoHash info_hash;
  PeerId peer_id;
  std::uint16_t port = 0;  // where the sender listens
  std::uint32_t connection = 0;
  std::uint32_t requests =
      kMaxQueuedRequests;  // the most outstanding Requests that the sender takes
  std::string agent;
  std::vector<std::string> features;

  bool has_feature(std::string_view name) const;
};

// Throws ProtocolError "bad_greeting" naming the key.
Greeting parse_greeting(std::string_view json);
std::string format_greeting(const Greeting& greeting);

struct FirstFrame {
  Bitfield pieces;
  std::optional<Greeting> greeting;
};

// Receives the first frame, for a torrent of at most `max_pieces` pieces, all of it before
// `deadline`. Nothing when the stream ended first, or ServerClose came. Throws ProtocolError (also
// "bitfield_expected"), TimeoutError, std::system_error.
std::optional<FirstFrame> recv_first_frame(Stream& stream, std::uint32_t max_pieces,
                                           Deadline deadline);

// The whole frame. Without `greeting` it is what an original program sends.
std::vector<std::byte> encode_first_frame(const Bitfield& pieces, const Greeting* greeting);

}  // namespace piecework::peer
