// Listening sockets and the thread that accepts from them; every connection gets a thread of
// ConnectionThreads. Outlives transient errors: running out of descriptors makes it back off and
// make room, never stop. start() and stop() belong to the owner's thread; the rest is constant
// after construction.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/connection_threads.h"
#include "common/wake_event.h"

namespace piecework {

class TcpServer {
 public:
  // Listens at once (throws std::system_error naming the endpoint); accepts after start().
  // `threads` must outlive this object.
  TcpServer(const std::vector<Endpoint>& listen, ConnectionThreads& threads,
            ConnectionThreads::Handler handler);
  ~TcpServer();

  // Where it listens, with the ports that the kernel chose.
  const std::vector<Endpoint>& listening() const { return listening_; }

  // Of connections accepted later, each way. It counts for the window only before the handshake
  // (tcp(7)), so this comes before start().
  void set_buffer_bytes(int bytes);

  // What a newcomer hears for whom there is no place. Before start().
  void set_farewell(std::span<const std::byte> bytes) {
    farewell_.assign(bytes.begin(), bytes.end());
  }

  void start();
  void stop();  // takes no more; connections go on. May be called again.

 private:
  void accept_loop();
  void accept_from(int listener);
  void turn_away(Stream& stream) noexcept;
  void out_of_descriptors(int listener, int error);

  ConnectionThreads& threads_;
  const ConnectionThreads::Handler handler_;
  const std::vector<UniqueFd> listeners_;
  const std::vector<Endpoint> listening_;
  std::vector<std::byte> farewell_;
  WakeEvent stop_;
  UniqueFd reserve_;  // given up for a moment to turn a newcomer away when there are no others
  std::thread accepting_;
};

}  // namespace piecework
