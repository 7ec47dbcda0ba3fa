#include "tests/support/socket_pair.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/hex.h"
#include "tests/support/eventually.h"

namespace piecework {

StreamPair unix_stream_pair(int buffer_bytes) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw_errno("socketpair");
  UniqueFd left(ends[0]);
  UniqueFd right(ends[1]);
  if (buffer_bytes > 0) {
    for (const UniqueFd* end : {&left, &right}) set_buffer_bytes(end->get(), buffer_bytes);
  }
  return {Stream(std::move(left)), Stream(std::move(right))};
}

StreamPair tcp_stream_pair(int buffer_bytes) {
  LoopbackListener listener;
  Stream left = Stream::unconnected(listener.endpoint());
  if (buffer_bytes > 0) {  // before the handshake, which settles the window
    listener.set_buffer_bytes(buffer_bytes);
    left.set_buffer_bytes(buffer_bytes);
  }
  left.connect(listener.endpoint(), soon());
  return {std::move(left), listener.accept()};
}

LoopbackListener::LoopbackListener(const Endpoint& endpoint) : socket_(listen_tcp(endpoint)) {}

Endpoint LoopbackListener::endpoint() const {
  return socket_name(socket_.get());
}

Stream LoopbackListener::accept() {
  pollfd waiting{socket_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, poll_timeout(soon())) <= 0) throw std::runtime_error("nobody connected");
  UniqueFd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket.valid()) throw_errno("accept");
  return Stream(std::move(socket));
}

void LoopbackListener::shrink_backlog() {
  if (::listen(socket_.get(), 0) < 0) throw_errno("listen");
}

// Bound, but not listening.
RefusingPort::RefusingPort() : socket_(open_tcp_socket(AF_INET)) {
  sockaddr_storage address;
  const socklen_t length = Endpoint::parse("127.0.0.1:0")->to_sockaddr(address);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    throw_errno("bind");
  }
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string from_hex(std::string_view hex) {
  std::string digits(hex);
  std::erase(digits, ' ');
  std::vector<std::byte> bytes(digits.size() / 2);
  if (!parse_hex(digits, bytes)) throw std::invalid_argument("not hex: " + digits);
  return text_of(bytes);
}

std::string recv_text(Stream& stream, std::size_t most) {
  std::string text;
  std::byte buffer[4096];
  while (text.size() < most) {
    const auto room = std::span(buffer).first(std::min(sizeof buffer, most - text.size()));
    const std::size_t n = stream.recv_some(room, soon());
    if (n == 0) break;
    text += text_of(room.first(n));
  }
  return text;
}

bool talk_both_ways(StreamPair& pair, std::string_view text) {
  std::atomic<int> heard = 0;
  std::vector<std::thread> threads;
  for (Stream* const stream : {&pair.left, &pair.right}) {
    threads.emplace_back([text, stream] {
      stream->send_all(bytes_of(text), soon());
      stream->finish_sending();
    });
    threads.emplace_back([text, stream, &heard] { heard += recv_text(*stream) == text ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  return heard == 2;
}

}  // namespace piecework
