#include "common/connection_threads.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "common/threads.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

using Connection = ConnectionThreads::Connection;
using Origin = ConnectionThreads::Origin;
using Started = ConnectionThreads::Started;

Endpoint from(int host) {
  return {*IpAddress::parse("10.0.0." + std::to_string(host)), 5555};
}

// Connections whose handlers echo every byte until the stream ends. 'f' is a first frame,
// and after an 'r' it is at rest.
class Echoes {
 public:
  explicit Echoes(ConnectionThreads::Limits limits) : threads("echo", limits) {}
  ~Echoes() { threads.stop(); }

  struct Client {
    Stream stream;
    Started started;

    bool answers(char question) {
      stream.send_all(bytes_of({&question, 1}), soon());
      return recv_text(stream, 1) == std::string(1, question);
    }
    bool ended() { return recv_text(stream).empty(); }
    void say(char what) {
      try {
        stream.send_all(bytes_of({&what, 1}), soon());
      } catch (const std::system_error&) {  // evicted meanwhile
      }
    }
  };

  Client start(int host, Origin origin = Origin::kAccepted) {
    StreamPair pair = unix_stream_pair();
    const Started started = threads.start(std::move(pair.right), from(host), origin,
                                          [this](Connection& connection) { echo(connection); });
    return {std::move(pair.left), started};
  }

  ConnectionThreads threads;
  std::atomic<int> running{0};
  std::atomic<int> made_room{0};  // of those that ended

 private:
  void echo(Connection& connection) {
    ++running;
    try {
      std::byte byte;
      while (connection.stream().recv_some({&byte, 1}, soon()) > 0) {
        if (byte == std::byte{'f'}) threads.first_frame_done(connection);
        if (byte == std::byte{'r'}) threads.at_rest(connection);
        connection.stream().send_all({&byte, 1}, soon());
      }
    } catch (const std::exception&) {
    }
    if (threads.has_made_room(connection)) ++made_room;
    --running;
  }
};

// A door through which a test sends connections.
class TestDoor : public ConnectionThreads::Door {
 public:
  // A newcomer; the returned stream is its other end.
  Stream knock(int host) {
    StreamPair pair = unix_stream_pair();
    MutexLock lock(mutex_);
    waiting_.push_back({std::move(pair.right), from(host)});
    changed_.notify_one();
    return std::move(pair.left);
  }

  std::optional<ConnectionThreads::Arrival> next() override {
    MutexLock lock(mutex_);
    ++standing_;
    while (waiting_.empty() && !closed_) changed_.wait(mutex_);
    --standing_;
    if (closed_) return std::nullopt;
    ConnectionThreads::Arrival arrival = std::move(waiting_.front());
    waiting_.pop_front();
    return arrival;
  }
  void turned_away(Stream&, const Endpoint&, Started reason) override {
    MutexLock lock(mutex_);
    turned_away_.push_back(reason);
  }
  void close() noexcept override {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  int standing() {
    MutexLock lock(mutex_);
    return standing_;
  }
  std::vector<Started> reasons() {
    MutexLock lock(mutex_);
    return turned_away_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<ConnectionThreads::Arrival> waiting_ GUARDED_BY(mutex_);
  std::vector<Started> turned_away_ GUARDED_BY(mutex_);
  int standing_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

// Echoes through a door until the stream ends; what is not brief says so first.
class DoorEchoes {
 public:
  DoorEchoes(ConnectionThreads::Limits limits, ConnectionThreads::Pace pace)
      : threads("door", limits) {
    threads.attend(door, pace, [this](Connection& connection) {
      try {
        std::byte byte;
        while (connection.stream().recv_some({&byte, 1}, soon()) > 0) {
          if (byte == std::byte{'f'}) threads.first_frame_done(connection);
          if (byte == std::byte{'l'}) CHECK(threads.takes_long(connection));
          connection.stream().send_all({&byte, 1}, soon());
        }
      } catch (const std::exception&) {
      }
    });
  }
  ~DoorEchoes() { threads.stop(); }

  std::shared_ptr<TestDoor> door = std::make_shared<TestDoor>();
  ConnectionThreads threads;
};

std::string echo_of(Stream& stream, std::string_view text) {
  stream.send_all(bytes_of(text), soon());
  return recv_text(stream, text.size());
}

TEST_SUITE("connection_threads") {
  TEST_CASE("somebody stands at the door however many connections stay") {
    DoorEchoes echoes({.total = 100, .per_address = 100}, ConnectionThreads::Pace::kStay);
    std::deque<Stream> streams;
    for (int i = 0; i < 20; ++i) {
      streams.push_back(echoes.door->knock(1));
      CHECK(echo_of(streams.back(), "x") == "x");
    }
    CHECK(echoes.threads.count() == 20);
    CHECK(eventually([&] { return echoes.door->standing() == 1; }));
    streams.clear();
    CHECK(eventually([&] { return echoes.threads.count() == 0; }));
    CHECK(echoes.door->standing() == 1);
  }

  TEST_CASE(
      "at the door of brief connections several stand, and those that take long are replaced") {
    DoorEchoes echoes({.total = 1000, .per_address = 1000}, ConnectionThreads::Pace::kBrief);
    const int at_first = [&] {
      Stream one = echoes.door->knock(1);
      CHECK(echo_of(one, "ll") == "ll");
      CHECK(eventually([&] { return echoes.door->standing() > 1; }));
      return echoes.door->standing();
    }();
    std::deque<Stream> streams;
    for (int i = 0; i < 2 * at_first; ++i) {
      streams.push_back(echoes.door->knock(1));
      CHECK(echo_of(streams.back(), "l") == "l");
    }
    CHECK(eventually([&] { return echoes.door->standing() >= at_first; }));
    streams.clear();
    CHECK(eventually([&] { return echoes.threads.count() == 0; }));
    CHECK(eventually([&] { return echoes.door->standing() >= at_first; }));
  }

  TEST_CASE("the caps hold at the door, and the silent make room there as well") {
    DoorEchoes echoes({.total = 2, .per_address = 2}, ConnectionThreads::Pace::kBrief);
    Stream talks = echoes.door->knock(1);
    CHECK(echo_of(talks, "f") == "f");
    Stream silent = echoes.door->knock(2);
    CHECK(eventually([&] { return echoes.threads.count() == 2; }));
    Stream newcomer = echoes.door->knock(3);
    CHECK(recv_text(silent).empty());
    CHECK(echo_of(newcomer, "f") == "f");
    Stream refused = echoes.door->knock(4);
    CHECK(recv_text(refused).empty());
    CHECK(eventually([&] { return echoes.door->reasons() == std::vector{Started::kFull}; }));
    CHECK(echo_of(talks, "x") == "x");
    CHECK(echo_of(newcomer, "x") == "x");
  }

  TEST_CASE("stop() closes the doors and ends what came through them") {
    DoorEchoes echoes({.total = 10, .per_address = 10}, ConnectionThreads::Pace::kBrief);
    Stream stream = echoes.door->knock(1);
    CHECK(echo_of(stream, "lf") == "lf");
    echoes.threads.stop();
    CHECK(recv_text(stream).empty());
    CHECK(echoes.door->standing() == 0);
    CHECK(echoes.threads.count() == 0);
  }

  TEST_CASE("each connection has its thread, and goes when its handler returns") {
    Echoes echoes({.total = 10, .per_address = 10});
    auto one = echoes.start(1);
    auto two = echoes.start(1, Origin::kDialled);
    CHECK(one.started == Started::kYes);
    CHECK(two.started == Started::kYes);
    CHECK(one.answers('a'));
    CHECK(two.answers('b'));
    CHECK(one.answers('c'));
    CHECK(echoes.threads.count() == 2);
    one.stream.finish_sending();
    CHECK(one.ended());
    CHECK(eventually([&] { return echoes.threads.count() == 1; }));
    CHECK(two.answers('d'));
  }

  TEST_CASE("a handler sees whom it talks to") {
    ConnectionThreads threads("test", {.total = 1, .per_address = 1});
    StreamPair pair = unix_stream_pair();
    threads.start(std::move(pair.right), from(7), Origin::kAccepted, [](Connection& connection) {
      connection.stream().send_all(bytes_of(connection.remote().to_string()), soon());
    });
    CHECK(recv_text(pair.left) == "10.0.0.7:5555");
  }

  TEST_CASE("when all places are taken by those who talk, the newcomer is refused") {
    Echoes echoes({.total = 2, .per_address = 10});
    auto one = echoes.start(1);
    auto two = echoes.start(2);
    CHECK(one.answers('f'));
    CHECK(two.answers('f'));
    for (const Origin origin : {Origin::kAccepted, Origin::kDialled}) {
      auto three = echoes.start(3, origin);
      CHECK(three.started == Started::kFull);
      CHECK(three.ended());
    }
    CHECK(one.answers('x'));
    CHECK(two.answers('x'));
    CHECK(echoes.threads.count() == 2);
    one.stream.shutdown();
    CHECK(eventually([&] { return echoes.threads.count() == 1; }));
    CHECK(echoes.start(3).answers('x'));
  }

  TEST_CASE("the one longest without a first frame makes room for the newcomer") {
    Echoes echoes({.total = 4, .per_address = 10});
    auto talks = echoes.start(1);
    CHECK(talks.answers('f'));
    auto dialled = echoes.start(2, Origin::kDialled);
    auto longest = echoes.start(3);
    CHECK(longest.answers('x'));  // it says something, but no whole frame
    auto shorter = echoes.start(4);
    auto newcomer = echoes.start(5);
    CHECK(newcomer.started == Started::kYes);
    CHECK(longest.ended());
    CHECK(newcomer.answers('f'));
    CHECK(echoes.threads.count() == 4);

    CHECK(echoes.start(6).started == Started::kYes);
    CHECK(shorter.ended());
    CHECK(talks.answers('y'));
    CHECK(dialled.answers('y'));
    CHECK(newcomer.answers('y'));
  }

  TEST_CASE(
      "two addresses that hold everything make room for one another, and for everybody else") {
    Echoes echoes({.total = 8, .per_address = 4, .for_dialled = 2});
    std::deque<Echoes::Client> crowd;
    for (const int host : {1, 2, 1, 2, 1, 2}) crowd.push_back(echoes.start(host));
    auto decent = echoes.start(3);
    CHECK(decent.started == Started::kYes);
    CHECK(crowd.front().ended());
    // It is in no hurry, and they go on coming: fewer than would be refused because those evicted
    // have not noticed yet.
    for (int i = 0; i < 15; ++i) {
      crowd.push_back(echoes.start(1 + i % 2));
      CHECK(crowd.back().started == Started::kYes);
    }
    CHECK(echoes.threads.count() == 6);
    CHECK(decent.answers('f'));
    for (const int host : {1, 4, 5}) {
      auto dialled = echoes.start(host, Origin::kDialled);
      CHECK(dialled.started == Started::kYes);
      CHECK(dialled.answers('x'));
      dialled.stream.shutdown();
    }
    CHECK(decent.answers('x'));
  }

  TEST_CASE("what is kept for dialled connections is not taken by those who come in and talk") {
    Echoes echoes({.total = 4, .per_address = 10, .for_dialled = 1});
    std::deque<Echoes::Client> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(echoes.start(1));
      CHECK(clients.back().answers('f'));
    }
    CHECK(echoes.start(2).started == Started::kFull);
    auto dialled = echoes.start(2, Origin::kDialled);
    CHECK(dialled.started == Started::kYes);
    CHECK(echoes.start(3, Origin::kDialled).started == Started::kFull);
    // It was not one of theirs, so that another one may come in when one of them goes.
    clients.pop_back();
    CHECK(eventually([&] { return echoes.threads.count() == 3; }));
    clients.push_back(echoes.start(2));
    CHECK(clients.back().answers('f'));
    CHECK(dialled.answers('x'));
  }

  TEST_CASE("dialled connections may take places that those who come in would have") {
    Echoes echoes({.total = 4, .per_address = 10, .for_dialled = 1});
    std::deque<Echoes::Client> dialled;
    for (int i = 0; i < 3; ++i) dialled.push_back(echoes.start(1, Origin::kDialled));
    auto silent = echoes.start(2);
    dialled.push_back(echoes.start(1, Origin::kDialled));
    CHECK(dialled.back().started == Started::kYes);
    CHECK(silent.ended());
    CHECK(echoes.start(2).started == Started::kFull);
  }

  TEST_CASE("a silent connection makes room for another one from its address, and no other") {
    Echoes echoes({.total = 10, .per_address = 2});
    auto elsewhere = echoes.start(2);
    auto talks = echoes.start(1);
    CHECK(talks.answers('f'));
    auto silent = echoes.start(1);
    auto newcomer = echoes.start(1);
    CHECK(newcomer.started == Started::kYes);
    CHECK(silent.ended());
    CHECK(newcomer.answers('f'));
    CHECK(talks.answers('x'));
    CHECK(elsewhere.answers('x'));
    CHECK(echoes.start(1).started == Started::kAddressFull);
  }

  TEST_CASE("one address does not take every place") {
    Echoes echoes({.total = 10, .per_address = 2});
    auto one = echoes.start(1);
    CHECK(one.answers('f'));
    auto two = echoes.start(1, Origin::kDialled);
    CHECK(two.started == Started::kYes);
    auto three = echoes.start(1);
    CHECK(three.started == Started::kAddressFull);
    CHECK(three.ended());
    CHECK(echoes.start(1, Origin::kDialled).started == Started::kAddressFull);
    auto other = echoes.start(2);
    CHECK(other.answers('x'));
    one.stream.shutdown();
    CHECK(eventually([&] { return echoes.start(1).started == Started::kYes; }));
  }

  TEST_CASE("who is denied is neither accepted nor dialled") {
    Echoes echoes({.total = 10, .per_address = 10});
    echoes.threads.set_access(AccessList({}, {*Network::parse("10.0.0.2")}),
                              ConnectionThreads::Live::kAll);
    for (const Origin origin : {Origin::kAccepted, Origin::kDialled}) {
      auto denied = echoes.start(2, origin);
      CHECK(denied.started == Started::kDenied);
      CHECK(denied.ended());
    }
    CHECK(echoes.start(1).answers('x'));
    CHECK(echoes.threads.denied_count() == 2);
    CHECK_FALSE(echoes.threads.admits(from(2).address));
    echoes.threads.set_access({}, ConnectionThreads::Live::kAll);
    CHECK(echoes.start(2).answers('x'));
  }

  TEST_CASE("who is denied makes no room at the door, and others come in behind it") {
    DoorEchoes echoes({.total = 1, .per_address = 1}, ConnectionThreads::Pace::kBrief);
    echoes.threads.set_access(AccessList({}, {*Network::parse("10.0.0.2")}),
                              ConnectionThreads::Live::kAll);
    Stream silent = echoes.door->knock(1);
    Stream denied = echoes.door->knock(2);
    CHECK(recv_text(denied).empty());
    CHECK(eventually([&] { return echoes.door->reasons() == std::vector{Started::kDenied}; }));
    CHECK(echo_of(silent, "x") == "x");
  }

  TEST_CASE("who comes to be denied is shut down, or only if it has not shown who it is") {
    for (const auto live : {ConnectionThreads::Live::kAll, ConnectionThreads::Live::kNewcomers}) {
      Echoes echoes({.total = 10, .per_address = 10});
      auto other = echoes.start(1);
      auto silent = echoes.start(2);
      auto talks = echoes.start(2);
      CHECK(talks.answers('f'));
      auto dialled = echoes.start(2, Origin::kDialled);
      const AccessList access({*Network::parse("10.0.0.1")}, {});
      echoes.threads.set_access(access, live);
      echoes.threads.set_access(access, live);
      CHECK(silent.ended());
      CHECK(other.answers('x'));
      if (live == ConnectionThreads::Live::kAll) {
        CHECK(talks.ended());
        CHECK(dialled.ended());
      } else {
        CHECK(talks.answers('x'));
        CHECK(dialled.answers('x'));
      }
      CHECK(echoes.threads.denied_count() == 3);
    }
  }

  TEST_CASE("caps can sink and rise under those who are there") {
    Echoes echoes({.total = 2, .per_address = 2});
    auto one = echoes.start(1);
    auto two = echoes.start(1);
    CHECK(one.answers('f'));
    CHECK(two.answers('f'));
    echoes.threads.set_limits({.total = 1, .per_address = 1});
    CHECK(one.answers('x'));
    CHECK(two.answers('x'));
    CHECK(echoes.start(2).started == Started::kFull);
    echoes.threads.set_limits({.total = 3, .per_address = 1});
    CHECK(echoes.start(1).started == Started::kAddressFull);
    CHECK(echoes.start(2).answers('x'));
  }

  TEST_CASE("evict_one() takes the longest without a first frame, and no one else") {
    Echoes echoes({.total = 10, .per_address = 10});
    CHECK_FALSE(echoes.threads.evict_one());
    auto talks = echoes.start(1);
    CHECK(talks.answers('f'));
    auto dialled = echoes.start(2, Origin::kDialled);
    auto longest = echoes.start(3);
    auto shorter = echoes.start(4);
    CHECK(echoes.threads.evict_one());
    CHECK(longest.ended());
    CHECK(shorter.answers('x'));
    CHECK(echoes.threads.evict_one());
    CHECK(shorter.ended());
    CHECK_FALSE(echoes.threads.evict_one());
    CHECK(talks.answers('x'));
    CHECK(dialled.answers('x'));
    CHECK(echoes.threads.count() == 2);
  }

  TEST_CASE("one at rest makes room, after those that have waited for longer") {
    Echoes echoes({.total = 3, .per_address = 3});
    auto resting = echoes.start(1);
    auto silent = echoes.start(2);
    auto busy = echoes.start(3);
    CHECK(resting.answers('f'));
    CHECK(busy.answers('f'));
    CHECK(resting.answers('r'));
    auto newcomer = echoes.start(4);
    CHECK(silent.ended());
    CHECK(newcomer.answers('f'));
    auto another = echoes.start(5);
    CHECK(resting.ended());
    CHECK(another.answers('f'));
    CHECK(busy.answers('x'));
    CHECK(newcomer.answers('x'));
  }

  TEST_CASE("one that goes on after a rest keeps its place") {
    Echoes echoes({.total = 1, .per_address = 1});
    auto one = echoes.start(1);
    CHECK(one.answers('f'));
    CHECK(one.answers('r'));
    CHECK(one.answers('f'));
    CHECK(echoes.start(2).started == Started::kFull);
    CHECK(one.answers('r'));
    CHECK(echoes.start(2).started == Started::kYes);
    CHECK(one.ended());
    CHECK(eventually([&] { return echoes.running == 0; }));
    CHECK(echoes.made_room == 1);
  }

  TEST_CASE("those evicted who do not notice do not pile up") {
    std::atomic<bool> release{false};
    ConnectionThreads threads("deaf", {.total = 4, .per_address = 1000});
    std::deque<Stream> clients;
    const auto start = [&] {
      StreamPair pair = unix_stream_pair();
      clients.push_back(std::move(pair.left));
      return threads.start(std::move(pair.right), from(1), Origin::kAccepted,
                           [&](Connection&) { release.wait(false); });
    };
    int started = 0;
    while (started < 1000 && start() == Started::kYes) ++started;
    CHECK(started >= 4);
    CHECK(started < 40);
    CHECK(threads.count() == 4);
    release = true;
    release.notify_all();
    CHECK(eventually([&] { return threads.count() == 0; }));
    CHECK(start() == Started::kYes);
  }

  TEST_CASE("a thread that has finished takes the next connection") {
    ConnectionThreads threads("reuse", {.total = 10, .per_address = 10});
    std::set<std::thread::id> ids;
    constexpr int kConnections = 100;
    for (int i = 0; i < kConnections; ++i) {
      StreamPair pair = unix_stream_pair();
      threads.start(std::move(pair.right), from(1), Origin::kAccepted,
                    [&](Connection&) { ids.insert(std::this_thread::get_id()); });
      CHECK(recv_text(pair.left).empty());  // over, its thread about to be free
      CHECK(eventually([&] { return threads.count() == 0; }));
    }
    CHECK(ids.size() < kConnections / 2);
  }

  TEST_CASE("stop() wakes and joins everyone, and takes no more") {
    Echoes echoes({.total = 20, .per_address = 20});
    std::deque<Echoes::Client> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(echoes.start(i));
    for (auto& client : clients) CHECK(client.answers('f'));
    CHECK(echoes.running == 10);
    echoes.threads.stop();
    CHECK(echoes.running == 0);
    CHECK(echoes.threads.count() == 0);
    for (auto& client : clients) CHECK(client.ended());
    auto late = echoes.start(1);
    CHECK(late.started == Started::kStopping);
    CHECK(late.ended());
    echoes.threads.stop();
  }

  TEST_CASE("connections that end while it is stopping are no trouble, nor is a second stop") {
    for (int round = 0; round < 20; ++round) {
      Echoes echoes({.total = 20, .per_address = 20});
      std::deque<Echoes::Client> clients;
      for (int i = 0; i < 6; ++i) clients.push_back(echoes.start(i));
      std::thread ender([&] {
        for (auto& client : clients) client.stream.shutdown();
      });
      std::thread stopper([&] { echoes.threads.stop(); });
      echoes.threads.stop();
      CHECK(echoes.running == 0);
      ender.join();
      stopper.join();
    }
  }

  TEST_CASE("many threads start, evict and count at once") {
    constexpr int kThreads = 4;
    constexpr int kRounds = 150;
    Echoes echoes({.total = 8, .per_address = 3});
    std::atomic<int> refused{0};
    std::deque<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(t));
        std::deque<Echoes::Client> mine;
        for (int round = 0; round < kRounds; ++round) {
          auto client = echoes.start(static_cast<int>(random() % 5),
                                     random() % 2 == 0 ? Origin::kAccepted : Origin::kDialled);
          if (client.started == Started::kYes) {
            client.say(random() % 2 == 0 ? 'f' : 'x');
            mine.push_back(std::move(client));
          } else {
            ++refused;
            if (!mine.empty()) mine.pop_front();
          }
          if (random() % 10 == 0) echoes.threads.evict_one();
          if (random() % 20 == 0) {
            const Network whom =
                *Network::parse(from(static_cast<int>(random() % 10)).address.to_string());
            echoes.threads.set_access(AccessList({}, {whom}), ConnectionThreads::Live::kAll);
          }
          CHECK(echoes.threads.count() <= 8);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(refused > 0);
    CHECK(eventually([&] { return echoes.threads.count() == 0; }));
    echoes.threads.set_access({}, ConnectionThreads::Live::kAll);
    CHECK(echoes.start(1).answers('x'));
  }
}

}  // namespace
}  // namespace piecework
