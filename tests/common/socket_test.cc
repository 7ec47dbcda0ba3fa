#include "common/socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

std::vector<Endpoint> endpoints(const std::vector<std::string>& texts) {
  std::vector<Endpoint> result;
  result.reserve(texts.size());
  for (const std::string& text : texts) result.push_back(*Endpoint::parse(text));
  return result;
}

Stream connected(const Endpoint& remote) {
  Stream stream = Stream::unconnected(remote);
  stream.connect(remote, soon());
  return stream;
}

int error_of_listening(const std::vector<Endpoint>& where, std::string& what) {
  try {
    listen_all(where);
    return 0;
  } catch (const std::system_error& error) {
    what = error.what();
    return error.code().value();
  }
}

TEST_SUITE("socket") {
  TEST_CASE("a socket that cannot be named is an error, not one without a port") {
    CHECK_THROWS_AS(socket_name(-1), std::system_error);
  }

  TEST_CASE("port 0 is one free port, the same number in both families") {
    for (int i = 0; i < 20; ++i) {
      const auto sockets = listen_all(endpoints({"0.0.0.0:0", "[::]:0"}));
      REQUIRE(sockets.size() == 2);
      const Endpoint v4 = socket_name(sockets[0].get());
      const Endpoint v6 = socket_name(sockets[1].get());
      CHECK(v4.port != 0);
      CHECK(v4.port == v6.port);
      CHECK(v4.address.is_v4());
      CHECK_FALSE(v6.address.is_v4());
      connected({*IpAddress::parse("127.0.0.1"), v4.port});
      connected({*IpAddress::parse("::1"), v6.port});
    }
  }

  TEST_CASE("an IPv6 socket takes IPv6 only") {
    const auto sockets = listen_all(endpoints({"[::]:0"}));
    connected({*IpAddress::parse("::1"), socket_name(sockets[0].get()).port});
    int v6_only = 0;
    socklen_t length = sizeof v6_only;
    ::getsockopt(sockets[0].get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &length);
    CHECK(v6_only == 1);
  }

  TEST_CASE("a named port stands beside a free one") {
    const LoopbackListener other;  // so that there is a number that is not the free one
    const auto first = listen_all(endpoints({"127.0.0.1:0"}));
    const std::uint16_t named = socket_name(first[0].get()).port;
    const auto sockets = listen_all({*Endpoint::parse("127.0.0.1:0"),
                                     {*IpAddress::parse("127.0.0.2"), named},
                                     *Endpoint::parse("127.0.0.3:0")});
    REQUIRE(sockets.size() == 3);
    CHECK(socket_name(sockets[1].get()).port == named);
    CHECK(socket_name(sockets[0].get()).port == socket_name(sockets[2].get()).port);
    CHECK(socket_name(sockets[0].get()).port != named);
  }

  TEST_CASE("a port that is taken is refused naming the endpoint") {
    const LoopbackListener taken;
    std::string what;
    CHECK(error_of_listening({taken.endpoint()}, what) == EADDRINUSE);
    CHECK(what.find(taken.endpoint().to_string()) != std::string::npos);
    CHECK(error_of_listening({*Endpoint::parse("127.0.0.1:0"), taken.endpoint()}, what) ==
          EADDRINUSE);
  }

  TEST_CASE("an address of another host is refused, alone or among others") {
    std::string what;
    CHECK(error_of_listening(endpoints({"192.0.2.1:0"}), what) == EADDRNOTAVAIL);
    CHECK(what.find("192.0.2.1:0") != std::string::npos);
    CHECK(error_of_listening(endpoints({"127.0.0.1:0", "192.0.2.1:0"}), what) == EADDRNOTAVAIL);
    CHECK(error_of_listening(endpoints({"[2001:db8::1]:0", "127.0.0.1:0"}), what) == EADDRNOTAVAIL);
  }

  TEST_CASE("nowhere to listen is an error") {
    std::string what;
    CHECK(error_of_listening({}, what) != 0);
  }

  TEST_CASE("sockets are not inherited by other programs, and listeners do not block") {
    const UniqueFd listener = listen_tcp(*Endpoint::parse("127.0.0.1:0"));
    CHECK((::fcntl(listener.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(listener.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(open_tcp_socket(AF_INET6).get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_THROWS_AS(open_tcp_socket(-1), std::system_error);
  }

  TEST_CASE("a port is free again at once after its listener has gone") {
    Endpoint where = *Endpoint::parse("127.77.0.1:0");  // where nobody else looks for a free port
    {
      LoopbackListener first(where);
      where = first.endpoint();
      Stream client = connected(where);
      Stream accepted = first.accept();
      accepted.shutdown();  // the listener's side closes first and stays in TIME_WAIT
      CHECK(recv_text(client) == "");
    }
    CHECK(LoopbackListener(where).endpoint() == where);
  }
}

}  // namespace
}  // namespace piecework
