#include "peer/ban_list.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <thread>

namespace piecework::peer {
namespace {

const TimePoint kStart{std::chrono::hours(1)};
const IpAddress kHost = *IpAddress::parse("10.0.0.1");
const IpAddress kNextHost = *IpAddress::parse("10.0.0.2");

TEST_SUITE("ban_list") {
  TEST_CASE("who is banned is that port or that peer_id, and no other on the host") {
    BanList bans;
    CHECK_FALSE(bans.is_banned(kHost, "5555", kStart));
    CHECK(bans.ban(kHost, "5555", kStart));
    CHECK(bans.ban(kHost, "abcdef", kStart));
    CHECK(bans.is_banned(kHost, "5555", kStart));
    CHECK(bans.is_banned(kHost, "abcdef", kStart));
    CHECK_FALSE(bans.is_banned(kHost, "5556", kStart));
    CHECK_FALSE(bans.is_banned(kHost, "", kStart));
    CHECK_FALSE(bans.is_banned(kNextHost, "5555", kStart));
  }

  TEST_CASE("a ban ends after its time") {
    BanList bans;
    bans.ban(kHost, "5555", kStart);
    CHECK(bans.is_banned(kHost, "5555", kStart + kBanTime - milliseconds(1)));
    CHECK_FALSE(bans.is_banned(kHost, "5555", kStart + kBanTime));
    CHECK(bans.ban(kHost, "5555", kStart + kBanTime));
    CHECK(bans.is_banned(kHost, "5555", kStart + 2 * kBanTime - milliseconds(1)));
  }

  TEST_CASE("a second ban is no news, and lasts its own time") {
    BanList bans;
    CHECK(bans.ban(kHost, "5555", kStart));
    CHECK_FALSE(bans.ban(kHost, "5555", kStart + kBanTime / 2));
    CHECK(bans.is_banned(kHost, "5555", kStart + kBanTime + seconds(1)));
    CHECK_FALSE(bans.is_banned(kHost, "5555", kStart + kBanTime + kBanTime / 2));
  }

  TEST_CASE("a host with many bans is banned whole, until enough of them have ended") {
    BanList bans;
    for (std::size_t i = 0; i + 1 < kBansUntilWholeAddress; ++i) {
      bans.ban(kHost, std::to_string(i), kStart + seconds(i));
    }
    CHECK_FALSE(bans.is_banned(kHost, "another", kStart + seconds(10)));
    bans.ban(kHost, "the last", kStart + seconds(10));
    CHECK(bans.is_banned(kHost, "another", kStart + seconds(10)));
    CHECK(bans.is_banned(kHost, "", kStart + seconds(10)));
    CHECK_FALSE(bans.is_banned(kNextHost, "another", kStart + seconds(10)));
    CHECK(bans.is_banned(kHost, "another", kStart + kBanTime - milliseconds(1)));
    CHECK_FALSE(bans.is_banned(kHost, "another", kStart + kBanTime));
  }

  TEST_CASE("neighbouring addresses do not add up") {
    BanList bans;
    for (std::size_t i = 0; i < kBansUntilWholeAddress; ++i) {
      bans.ban(i % 2 == 0 ? kHost : kNextHost, std::to_string(i), kStart);
    }
    CHECK_FALSE(bans.is_banned(kHost, "another", kStart));
    CHECK_FALSE(bans.is_banned(kNextHost, "another", kStart));
  }

  TEST_CASE("many threads ban and ask at once") {
    BanList bans;
    std::deque<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const IpAddress mine = *IpAddress::parse("10.0.1." + std::to_string(t));
        for (int i = 0; i < 200; ++i) {
          const TimePoint now = kStart + milliseconds(i);
          CHECK(bans.ban(mine, std::to_string(i), now));
          CHECK(bans.is_banned(mine, std::to_string(i), now));
          bans.is_banned(kHost, "x", now);
        }
        CHECK(bans.is_banned(mine, "any", kStart + seconds(1)));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace piecework::peer
