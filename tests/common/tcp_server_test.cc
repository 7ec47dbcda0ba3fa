#include "common/tcp_server.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "common/socket.h"
#include "tests/support/eventually.h"
#include "tests/support/no_more_descriptors.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

const Endpoint kAnyPort = *Endpoint::parse("127.0.0.1:0");

// A server whose connections echo every byte. 'f' is a first frame.
class EchoServer {
 public:
  explicit EchoServer(ConnectionThreads::Limits limits = {.total = 100, .per_address = 100},
                      const std::vector<Endpoint>& listen = {kAnyPort})
      : threads_("echo", limits),
        server(listen, threads_,
               [this](ConnectionThreads::Connection& connection) { echo(connection); }) {
    server.start();
  }
  ~EchoServer() {
    server.stop();
    threads_.stop();
  }

 private:
  void echo(ConnectionThreads::Connection& connection) {
    try {
      std::byte byte;
      while (connection.stream().recv_some({&byte, 1}, soon()) > 0) {
        if (byte == std::byte{'f'}) threads_.first_frame_done(connection);
        connection.stream().send_all({&byte, 1}, soon());
      }
    } catch (const std::exception&) {
    }
  }

  ConnectionThreads threads_;

 public:
  TcpServer server;
};

Stream connected(const Endpoint& remote) {
  Stream stream = Stream::unconnected(remote);
  stream.connect(remote, soon());
  return stream;
}

bool answers(Stream& stream, char question) {
  try {
    stream.send_all(bytes_of({&question, 1}), soon());
    return recv_text(stream, 1) == std::string(1, question);
  } catch (const std::system_error&) {
    return false;  // reset
  }
}

bool ended(Stream& stream) {
  try {
    return recv_text(stream).empty();
  } catch (const std::system_error&) {
    return true;
  }
}

TEST_SUITE("tcp_server") {
  TEST_CASE("it accepts on every endpoint, with one free port for both families") {
    EchoServer echo({.total = 10, .per_address = 10}, {kAnyPort, *Endpoint::parse("[::1]:0")});
    const auto& listening = echo.server.listening();
    REQUIRE(listening.size() == 2);
    CHECK(listening[0].port == listening[1].port);
    for (const Endpoint& endpoint : listening) {
      Stream one = connected(endpoint);
      Stream two = connected(endpoint);
      CHECK(answers(one, 'a'));
      CHECK(answers(two, 'b'));
      CHECK(answers(one, 'c'));
    }
  }

  TEST_CASE("an endpoint that is taken is refused naming it") {
    const EchoServer echo;
    const Endpoint taken = echo.server.listening().front();
    ConnectionThreads threads("none", {.total = 1, .per_address = 1});
    try {
      const TcpServer second({taken}, threads, [](ConnectionThreads::Connection&) {});
      CHECK(false);
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::address_in_use);
      CHECK(std::string(error.what()).find(taken.to_string()) != std::string::npos);
    }
  }

  TEST_CASE("stopping refuses newcomers and leaves those it has") {
    EchoServer echo;
    const Endpoint endpoint = echo.server.listening().front();
    Stream before = connected(endpoint);
    CHECK(answers(before, 'a'));
    echo.server.stop();
    CHECK(answers(before, 'b'));
    echo.server.stop();
    CHECK_THROWS_AS(connected(endpoint), std::system_error);
  }

  TEST_CASE("connections over the cap are closed, and there is room again later") {
    EchoServer echo({.total = 2, .per_address = 10});
    const Endpoint endpoint = echo.server.listening().front();
    Stream one = connected(endpoint);
    CHECK(answers(one, 'f'));
    {
      Stream two = connected(endpoint);
      CHECK(answers(two, 'f'));
      Stream three = connected(endpoint);
      CHECK(ended(three));
      CHECK(answers(two, 'x'));
    }
    CHECK(eventually([&] {
      Stream later = connected(endpoint);
      return answers(later, 'x');
    }));
    CHECK(answers(one, 'y'));
  }

  TEST_CASE("a newcomer for whom there is no place hears the farewell, and nobody else does") {
    ConnectionThreads threads("held", {.total = 1, .per_address = 1});
    TcpServer server({kAnyPort}, threads, [&](ConnectionThreads::Connection& connection) {
      threads.first_frame_done(connection);
      std::byte byte;
      try {
        while (connection.stream().recv_some({&byte, 1}, soon()) > 0) {
          connection.stream().send_all({&byte, 1}, soon());
        }
      } catch (const std::exception&) {
      }
    });
    server.set_farewell(bytes_of("no room"));
    server.start();
    Stream one = connected(server.listening().front());
    CHECK(answers(one, 'a'));
    Stream two = connected(server.listening().front());
    CHECK(recv_text(two) == "no room");
    one.finish_sending();
    CHECK(recv_text(one).empty());
    server.stop();
    threads.stop();
  }

  TEST_CASE("a flood of connections that go at once does it no harm") {
    EchoServer echo({.total = 10, .per_address = 10});
    const Endpoint endpoint = echo.server.listening().front();
    for (int i = 0; i < 200; ++i) connected(endpoint);
    CHECK(eventually([&] {
      Stream later = connected(endpoint);
      return answers(later, 'x');
    }));
  }

  TEST_CASE("without descriptors, a silent connection makes room and who talks is unharmed") {
    EchoServer echo;
    const Endpoint endpoint = echo.server.listening().front();
    Stream talks = connected(endpoint);
    CHECK(answers(talks, 'f'));
    Stream silent = connected(endpoint);
    CHECK(answers(silent, 'x'));
    // Made beforehand: this end of each connection needs a descriptor too.
    Stream newcomer = Stream::unconnected(endpoint);
    Stream another = Stream::unconnected(endpoint);
    Stream one_too_many = Stream::unconnected(endpoint);
    Stream later = Stream::unconnected(endpoint);
    {
      const NoMoreDescriptors none;
      newcomer.connect(endpoint, soon());
      CHECK(answers(newcomer, 'f'));
      // Who stands in accept has a descriptor already, so it may take this one to need room.
      another.connect(endpoint, soon());
      answers(another, 'f');
      CHECK(ended(silent));
      CHECK(answers(talks, 'a'));

      one_too_many.connect(endpoint, soon());
      CHECK(ended(one_too_many));
      CHECK(answers(talks, 'b'));
      CHECK(answers(newcomer, 'b'));
    }
    later.connect(endpoint, soon());
    CHECK(answers(later, 'c'));
    CHECK(answers(talks, 'c'));
  }

  TEST_CASE("asked whether somebody accepts, it answers on every socket, again and again") {
    EchoServer echo({.total = 10, .per_address = 10}, {kAnyPort, *Endpoint::parse("[::1]:0")});
    for (int i = 0; i < 20; ++i) {
      echo.server.ask();
      CHECK(eventually([&] { return echo.server.answered(); }));
    }
    Stream later = connected(echo.server.listening().front());
    CHECK(answers(later, 'x'));
  }

  TEST_CASE("on a wildcard address the question comes by the loopback") {
    EchoServer echo({.total = 10, .per_address = 10}, {*Endpoint::parse("0.0.0.0:0")});
    echo.server.ask();
    CHECK(eventually([&] { return echo.server.answered(); }));
  }

  TEST_CASE("nobody in accept gives no answer, until somebody stands there") {
    ConnectionThreads threads("late", {.total = 10, .per_address = 10});
    std::atomic<int> handled = 0;
    TcpServer server({kAnyPort}, threads, [&](ConnectionThreads::Connection&) { ++handled; });
    CHECK(server.answered());
    CHECK(eventually([&] {  // the knock may take a moment to arrive
      server.ask();
      return !server.answered();
    }));
    CHECK_FALSE(server.answered());
    server.start();
    CHECK(eventually([&] { return server.answered(); }));
    server.stop();
    threads.stop();
    CHECK(handled == 0);
  }

  TEST_CASE("a question takes no place, so none makes room for it") {
    EchoServer echo({.total = 1, .per_address = 1});
    Stream silent = connected(echo.server.listening().front());
    CHECK(answers(silent, 'a'));
    for (int i = 0; i < 5; ++i) {
      echo.server.ask();
      CHECK(eventually([&] { return echo.server.answered(); }));
    }
    CHECK(answers(silent, 'b'));
  }

  TEST_CASE("without descriptors it cannot knock, and is taken to be alive") {
    EchoServer echo;
    const NoMoreDescriptors none;
    for (int i = 0; i < 5; ++i) {
      echo.server.ask();
      CHECK(eventually([&] { return echo.server.answered(); }));
    }
  }

  TEST_CASE("questions and a crowd of newcomers do not get in each other's way") {
    EchoServer echo;
    const Endpoint endpoint = echo.server.listening().front();
    std::atomic<int> served = 0;
    std::vector<std::thread> crowd;
    for (int t = 0; t < 4; ++t) {
      crowd.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          Stream stream = connected(endpoint);
          served += answers(stream, 'x') ? 1 : 0;
        }
      });
    }
    for (int i = 0; i < 100; ++i) {
      echo.server.ask();
      CHECK(eventually([&] { return echo.server.answered(); }));
    }
    for (std::thread& thread : crowd) thread.join();
    CHECK(served == 200);
  }
}

}  // namespace
}  // namespace piecework
