// Announcing to a tracker: one connection, one request, one response (PROTOCOL.md section 4), in a
// way that an original tracker survives too. announce() belongs to one thread; the rest is safe
// from any.
#pragma once

#include <vector>

#include "common/announce.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/stream.h"
#include "common/tls_credentials.h"

namespace piecework::peer {

class TrackerClient {
 public:
  // `tls` must outlive this object.
  explicit TrackerClient(const TlsCredentials& tls = TlsCredentials::none()) : tls_(tls) {}

  // Sends `request` to `tracker` and returns its answer. Throws std::system_error or TimeoutError
  // when it cannot be reached before `deadline`, std::runtime_error when its name is not known,
  // ProtocolError when its answer makes no sense ("bad_response", "refused" with its message) or
  // TLS fails.
  AnnounceResponse announce(const HostPort& tracker, const AnnounceRequest& request,
                            Deadline deadline) EXCLUDES(mutex_);
  // The same for a tracker whose addresses are known: the next one is asked, in its share of the
  // time, when one of them gives no answer.
  AnnounceResponse announce(const std::vector<Endpoint>& addresses, const AnnounceRequest& request,
                            Deadline deadline) EXCLUDES(mutex_);

  // Ends the announce under way, and every one that begins before allow().
  void cancel() EXCLUDES(mutex_);
  // Exchanges may begin again.
  void allow() EXCLUDES(mutex_);

 private:
  AnnounceResponse exchange(const Endpoint& tracker, const AnnounceRequest& request,
                            Deadline deadline) EXCLUDES(mutex_);

  const TlsCredentials& tls_;

  Mutex mutex_;
  Stream* current_ GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ GUARDED_BY(mutex_) = false;
};

}  // namespace piecework::peer
