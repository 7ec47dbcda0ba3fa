#include "peer/handshake.h"

#include "common/errors.h"
#include "common/messages.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework::fuzz {
namespace {

constexpr std::uint32_t kMostPieces = 4096;

bool same(const peer::Greeting& a, const peer::Greeting& b) {
  return a.info_hash == b.info_hash && a.peer_id == b.peer_id && a.port == b.port &&
         a.connection == b.connection && a.requests == b.requests && a.agent == b.agent &&
         a.features == b.features;
}

}  // namespace

void fuzz_greeting(std::string_view input) {
  peer::Greeting greeting;
  try {
    greeting = peer::parse_greeting(input);
  } catch (const ProtocolError& error) {
    must(error.reason() == "bad_greeting", "a greeting is refused as one");
    return;
  }
  must(!greeting.peer_id.empty() && greeting.peer_id.size() <= 64, "peer_id has 1-64 characters");
  must(greeting.requests > 0, "requests is at least 1");
  must(same(peer::parse_greeting(peer::format_greeting(greeting)), greeting),
       "a greeting is written as it was read");
}

void fuzz_first_frame(std::string_view input) {
  std::optional<peer::FirstFrame> first;
  try {
    Stream stream = stream_of(input);
    first = peer::recv_first_frame(stream, kMostPieces, soon());
  } catch (const ProtocolError&) {
    return;
  }
  if (!first) return;
  must(first->pieces.size() <= kMostPieces, "there are no more pieces than the most");
  const peer::Greeting* greeting = first->greeting ? &*first->greeting : nullptr;
  // Keys that may be missing are written all the same, and may then be too much.
  if (greeting != nullptr && peer::format_greeting(*greeting).size() > kMaxGreetingBytes) return;
  Stream stream = stream_of(text_of(peer::encode_first_frame(first->pieces, greeting)));
  const auto again = peer::recv_first_frame(stream, kMostPieces, soon());
  must(again && again->pieces == first->pieces, "pieces are sent as they were received");
  must(again->greeting.has_value() == first->greeting.has_value() &&
           (greeting == nullptr || same(*again->greeting, *greeting)),
       "a greeting is sent as it was received");
}

}  // namespace piecework::fuzz
