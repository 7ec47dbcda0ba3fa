// Says in the log, in time and not too often, that this host's certificate is about to expire.
// Belongs to the main thread.
#pragma once

#include "common/clock.h"
#include "common/tls_credentials.h"

namespace piecework {

class ExpiryReminder {
 public:
  // So long before the certificate expires it begins, and says it again after kPause.
  static constexpr seconds kAhead = std::chrono::hours(24 * 14);
  static constexpr seconds kPause = std::chrono::hours(24);

  // To be called often. Logs `tls.expires_soon` when that is due; never where no TLS is spoken.
  // `today` is seconds since 1970.
  void remind(const TlsCredentials& credentials, TimePoint now = Clock::now(),
              seconds today = seconds_since_1970());

 private:
  TimePoint next_ = TimePoint::min();
};

}  // namespace piecework
