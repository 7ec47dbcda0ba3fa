#include "common/service_notify.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "tests/support/notify_socket.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

TEST_SUITE("service_notify") {
  TEST_CASE("the state goes to the socket that is named, in the file system or abstract") {
    TempDir dir;
    for (const std::string& name :
         {dir.file("notify"), "@piecework-test-" + std::to_string(::getpid())}) {
      const NotifySocket socket(name);
      service_notify("READY=1\nSTATUS=up");
      CHECK(socket.received() == "READY=1\nSTATUS=up");
      service_notify_reloading();
      CHECK(socket.received().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    }
  }

  TEST_CASE("without a socket, or with a bad one, nothing happens") {
    service_notify("READY=1");
    for (const std::string& name :
         {std::string(), std::string("/nonexistent/socket"), "/" + std::string(500, 'x')}) {
      const Variable variable("NOTIFY_SOCKET", name);
      service_notify("READY=1");
    }
  }

  TEST_CASE("the watchdog is fed twice as often as it asks, when it asks this process") {
    CHECK_FALSE(service_watchdog_interval());
    const Variable time("WATCHDOG_USEC", "30000000");
    CHECK(service_watchdog_interval() == seconds(15));
    {
      const Variable pid("WATCHDOG_PID", std::to_string(::getpid()));
      CHECK(service_watchdog_interval() == seconds(15));
    }
    const Variable other("WATCHDOG_PID", "1");
    CHECK_FALSE(service_watchdog_interval());
  }

  TEST_CASE("a watchdog time that makes no sense is none") {
    for (const char* bad : {"", "0", "-5", "many", "1.5", "99999999999999999999"}) {
      CAPTURE(bad);
      const Variable time("WATCHDOG_USEC", bad);
      CHECK_FALSE(service_watchdog_interval());
    }
  }
}

}  // namespace
}  // namespace piecework
