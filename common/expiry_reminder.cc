#include "common/expiry_reminder.h"

#include <algorithm>

#include "common/log.h"

namespace piecework {

void ExpiryReminder::remind(const TlsCredentials& credentials, TimePoint now, seconds today) {
  const auto context = credentials.current();
  if (now < next_ || !context || !context->expires_at()) return;
  const seconds left = *context->expires_at() - today;
  if (left > kAhead) return;
  const auto days = std::chrono::floor<std::chrono::duration<int, std::ratio<86400>>>(left).count();
  log_warn("tls.expires_soon", {{"certificate", context->files().certificate},
                                {"subject", context->subject()},
                                {"expires", context->expires()},
                                {"days", std::max(days, 0)}});
  next_ = now + kPause;
}

}  // namespace piecework
