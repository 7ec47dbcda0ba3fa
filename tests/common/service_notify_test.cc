#include "common/service_notify.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// An environment variable for as long as a test runs.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

// A socket as the service manager has it. An @ in front of the name makes it an abstract one.
UniqueFd bind_socket(const std::string& name) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  return socket;
}

std::string received(const UniqueFd& socket) {
  std::array<char, 256> buffer;
  const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(n));
}

TEST_SUITE("service_notify") {
  TEST_CASE("the state goes to the socket that is named, in the file system or abstract") {
    TempDir dir;
    for (const std::string& name :
         {dir.file("notify"), "@piecework-test-" + std::to_string(::getpid())}) {
      const UniqueFd socket = bind_socket(name);
      const Variable variable("NOTIFY_SOCKET", name);
      service_notify("READY=1\nSTATUS=up");
      CHECK(received(socket) == "READY=1\nSTATUS=up");
      service_notify_reloading();
      CHECK(received(socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
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
