// Listening sockets; threads of ConnectionThreads stand in accept(2) at each of them and serve what
// they take. Outlives transient errors: running out of descriptors makes it back off and make room,
// never stop. start() and stop() belong to the owner's thread; the rest is constant after
// construction.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "common/connection_threads.h"

namespace piecework {

class TcpServer {
 public:
  // Listens at once (throws std::system_error naming the endpoint); accepts after start().
  // `threads` must outlive this object, and what `handler` refers to must outlive the connections.
  TcpServer(const std::vector<Endpoint>& listen, ConnectionThreads& threads,
            ConnectionThreads::Handler handler,
            ConnectionThreads::Pace pace = ConnectionThreads::Pace::kStay);
  ~TcpServer();

  // Where it listens, with the ports that the kernel chose.
  const std::vector<Endpoint>& listening() const { return listening_; }

  // Of connections accepted later, each way. It counts for the window only before the handshake
  // (tcp(7)), so this comes before start().
  void set_buffer_bytes(int bytes);

  // What a newcomer hears for whom there is no place. Before start().
  void set_farewell(std::span<const std::byte> bytes);

  void start();  // throws std::system_error when there are no threads
  void stop();   // takes no more; connections go on. May be called again.

  // Knocks at each socket: a connection from this host to itself, dropped by whoever accepts it and
  // seen by nobody else. It costs a descriptor until answered(): then it has been accepted, or
  // others have been meanwhile. Where none can be made, only others that wait to be accepted tell.
  // Both belong to one thread.
  void ask() noexcept;
  bool answered() noexcept;

 private:
  class Listener;

  ConnectionThreads& threads_;
  const ConnectionThreads::Handler handler_;
  const ConnectionThreads::Pace pace_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::vector<Endpoint> listening_;
};

}  // namespace piecework
