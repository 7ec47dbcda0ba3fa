#include "tests/fuzz/fuzz.h"

#include <array>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework::fuzz {

void must(bool kept, const char* promise) {
  if (!kept) throw Broken(promise);
}

Stream stream_of(std::string_view bytes) {
  StreamPair pair = unix_stream_pair();
  pair.left.send_all(bytes_of(bytes.substr(0, kMaxStreamBytes)), soon());
  pair.left.finish_sending();
  return std::move(pair.right);
}

std::span<const Target> targets() {
  static constexpr std::array kTargets = {Target{"announce_request", fuzz_announce_request},
                                          Target{"announce_response", fuzz_announce_response},
                                          Target{"endpoint", fuzz_endpoint},
                                          Target{"first_frame", fuzz_first_frame},
                                          Target{"frame", fuzz_frame},
                                          Target{"greeting", fuzz_greeting},
                                          Target{"json", fuzz_json},
                                          Target{"message", fuzz_message},
                                          Target{"peer_config", fuzz_peer_config},
                                          Target{"python_repr", fuzz_python_repr},
                                          Target{"resume_state", fuzz_resume_state},
                                          Target{"torrent", fuzz_torrent},
                                          Target{"tracker_config", fuzz_tracker_config}};
  return kTargets;
}

}  // namespace piecework::fuzz
