#include "common/expiry_reminder.h"

#include <doctest/doctest.h>

#include "tests/support/captured_log.h"
#include "tests/support/certificates.h"

namespace piecework {
namespace {

constexpr const char* kEvent = " warn tls.expires_soon ";
constexpr seconds kDay = std::chrono::hours(24);

TEST_SUITE("expiry_reminder") {
  TEST_CASE("a certificate that expires within two weeks is told of, once a day") {
    const TestCa ca;
    const TlsCredentials credentials(TlsContext::load(ca.host("alpha")));
    const seconds end = credentials.current()->expires_at().value();
    const TimePoint start = Clock::now();
    CapturedLog log;
    ExpiryReminder reminder;
    reminder.remind(credentials, start, end - 14 * kDay - seconds(1));
    CHECK(log.count(kEvent) == 0);
    reminder.remind(credentials, start + seconds(1), end - 14 * kDay);
    CHECK(log.count(kEvent) == 1);
    CHECK(log.has("subject=\"CN=alpha\" expires=" + credentials.current()->expires() + " days=14"));
    reminder.remind(credentials, start + kDay, end - 13 * kDay - seconds(1));
    CHECK(log.count(kEvent) == 1);
    reminder.remind(credentials, start + kDay + seconds(1), end - 13 * kDay);
    CHECK(log.count(kEvent) == 2);
    CHECK(log.has(" days=13"));
  }

  TEST_CASE("one that has expired has no days left") {
    const TestCa ca;
    const TlsCredentials credentials(TlsContext::load(ca.host("alpha")));
    const seconds end = credentials.current()->expires_at().value();
    CapturedLog log;
    ExpiryReminder().remind(credentials, Clock::now(), end - seconds(1));
    ExpiryReminder().remind(credentials, Clock::now(), end + 3 * kDay);
    CHECK(log.count(" days=0\n") == 2);
  }

  TEST_CASE("a new certificate ends it") {
    const TestCa ca;
    TlsCredentials credentials(TlsContext::load(ca.host("old")));
    const TimePoint start = Clock::now();
    CapturedLog log;
    ExpiryReminder reminder;
    reminder.remind(credentials, start);
    CHECK(log.count(kEvent) == 1);
    credentials.replace(TlsContext::load(ca.host("new", {.to = 15 * kDay})));
    reminder.remind(credentials, start + 2 * kDay);
    CHECK(log.count(kEvent) == 1);
  }

  TEST_CASE("who speaks no TLS has none") {
    CapturedLog log;
    ExpiryReminder().remind(TlsCredentials::none());
    CHECK(log.text() == "");
  }
}

}  // namespace
}  // namespace piecework
