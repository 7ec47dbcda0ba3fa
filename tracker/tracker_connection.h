// The message loop of one connection to the tracker: a request frame in, a response frame out,
// until the other side closes or stays silent for too long. Runs in the connection's own thread;
// connections share nothing but the service.
#pragma once

#include "common/clock.h"
#include "common/connection_threads.h"
#include "common/tls_credentials.h"
#include "tracker/announce_service.h"

namespace piecework::tracker {

inline constexpr seconds kFirstRequestTime{10};  // from the connection's start to its first request
inline constexpr seconds kNextRequestTime{60};   // from an answer to the next whole request
inline constexpr seconds kAnswerTime{10};        // for the other side to take an answer

// Serves `connection` until it is over, and logs why when that is anybody's concern. A request that
// cannot be understood is answered and the loop goes on; broken framing ends it. Tells `threads`
// when the first request has come. Throws nothing.
void serve_tracker_connection(ConnectionThreads::Connection& connection, ConnectionThreads& threads,
                              AnnounceService& service, const TlsCredentials& tls);

}  // namespace piecework::tracker
