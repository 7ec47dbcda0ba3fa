#include "common/announce.h"

#include "common/json.h"
#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {
namespace {

bool same(const AnnounceRequest& a, const AnnounceRequest& b) {
  return a.ip == b.ip && a.port == b.port && a.peer_id == b.peer_id && a.event == b.event &&
         a.info_hash == b.info_hash && a.left == b.left && a.downloaded == b.downloaded &&
         a.uploaded == b.uploaded && a.numwant == b.numwant;
}

bool same(const AnnounceResponse& a, const AnnounceResponse& b) {
  return a.error_code == b.error_code && a.message == b.message && a.peers == b.peers &&
         a.interval == b.interval && a.min_interval == b.min_interval && a.complete == b.complete &&
         a.incomplete == b.incomplete && a.observed == b.observed;
}

}  // namespace

void fuzz_announce_request(std::string_view input) {
  AnnounceRequest request;
  try {
    request = parse_announce_request(input);
  } catch (const JsonError&) {
    return;
  }
  must(request.port != 0, "the port is 1-65535");
  must(!request.peer_id.empty() && request.peer_id.size() <= 64, "peer_id has 1-64 characters");
  must(request.numwant.value_or(0) <= kMaxNumwant, "numwant is cut to the most");
  must(same(parse_announce_request(format_announce_request(request)), request),
       "a request is written as it was read");
}

void fuzz_announce_response(std::string_view input) {
  AnnounceResponse response;
  try {
    response = parse_announce_response(input);
  } catch (const JsonError&) {
    return;
  }
  if (response.peers) {
    for (const AnnouncedPeer& peer : *response.peers) {
      must(peer.endpoint.port != 0 && !peer.endpoint.address.is_unspecified(),
           "a listed peer has a usable address");
    }
  }
  must(same(parse_announce_response(format_announce_response(response)), response),
       "a response is written as it was read");
}

}  // namespace piecework::fuzz
