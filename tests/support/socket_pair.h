// Two connected Streams, and a listener that hands over what it accepts: real sockets, so that
// tests meet what the kernel really does.
// One thread at a time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "common/socket.h"
#include "common/stream.h"
#include "common/unique_fd.h"

namespace piecework {

struct StreamPair {
  Stream left;
  Stream right;
};

// With `buffer_bytes` the kernel holds about so much in each direction (0: its own choice).
StreamPair unix_stream_pair(int buffer_bytes = 0);  // socketpair(2)
// Loopback; `left` has connected, `right` was accepted.
StreamPair tcp_stream_pair(int buffer_bytes = 0);

class LoopbackListener {
 public:
  explicit LoopbackListener(const Endpoint& endpoint = *Endpoint::parse("127.0.0.1:0"));

  // Of the connections that it accepts.
  void set_buffer_bytes(int bytes) { piecework::set_buffer_bytes(socket_.get(), bytes); }

  Endpoint endpoint() const;
  // The next connection; throws std::runtime_error when none comes before soon().
  Stream accept();
  // No more than one connection at a time fits into the backlog from now on.
  void shrink_backlog();

 private:
  UniqueFd socket_;
};

// A loopback port that nobody else gets while this lives, and that refuses every connection.
class RefusingPort {
 public:
  RefusingPort();

  Endpoint endpoint() const { return socket_name(socket_.get()); }
  HostPort host_port() const { return {"127.0.0.1", endpoint().port}; }

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

// Both ends say `text` and end, and hear the other, all at the same time. Did both hear it?
bool talk_both_ways(StreamPair& pair, std::string_view text);

}  // namespace piecework
