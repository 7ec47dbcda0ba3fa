// Two connected Streams, and a listener that hands over what it accepts: real sockets, so that
// tests meet what the kernel really does.
// One thread at a time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "common/stream.h"
#include "common/unique_fd.h"

namespace piecework {

struct StreamPair {
  Stream left;
  Stream right;
};

StreamPair unix_stream_pair();  // socketpair(2)
StreamPair tcp_stream_pair();   // loopback; `left` has connected, `right` was accepted

class LoopbackListener {
 public:
  explicit LoopbackListener(const Endpoint& endpoint = *Endpoint::parse("127.0.0.1:0"));

  Endpoint endpoint() const;
  // The next connection; throws std::runtime_error when none comes before soon().
  Stream accept();
  // No more than one connection at a time fits into the backlog from now on.
  void shrink_backlog();

 private:
  UniqueFd socket_;
};

// Text as bytes and back.
std::span<const std::byte> bytes_of(std::string_view text);
std::string text_of(std::span<const std::byte> bytes);
// "00ff" as the two bytes that it names; blanks are passed over.
std::string from_hex(std::string_view hex);

// What `stream` sends until it ends, or until `most` bytes of it are there.
std::string recv_text(Stream& stream, std::size_t most = SIZE_MAX);

}  // namespace piecework
