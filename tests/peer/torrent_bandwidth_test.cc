#include "peer/torrent_bandwidth.h"

#include <doctest/doctest.h>

#include <deque>
#include <thread>
#include <vector>

#include "common/clock.h"

namespace piecework::peer {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST_SUITE("torrent_bandwidth") {
  TEST_CASE("a limit of the torrent's own leaves fewer slots than the shared settings") {
    Bandwidth shared({.upload_slots = 8, .upload_limit = 4 * kLeastShare});
    TorrentBandwidth bandwidth(shared, {});
    CHECK(bandwidth.upload_slots() == 4);
    bandwidth.set_rates({.upload = 3 * kLeastShare});
    CHECK(bandwidth.upload_slots() == 3);
    bandwidth.set_rates({.upload = 100 * kLeastShare});
    CHECK(bandwidth.upload_slots() == 4);
    bandwidth.set_rates({.upload = 1});
    CHECK(bandwidth.upload_slots() == 1);
    CHECK(bandwidth.rates() == TorrentBandwidth::Rates{.upload = 1});
  }

  TEST_CASE("both limits hold: the torrent's own, and the shared one that another has used up") {
    Bandwidth shared({.upload_limit = kMiB});
    TorrentBandwidth slow(shared, {.upload = 64 << 10});
    TorrentBandwidth fast(shared, {});
    std::atomic<bool> cancelled = false;
    // Steps are of 50 ms at the lower of the two rates.
    auto slow_turns = slow.upload_turns();
    auto fast_turns = fast.upload_turns();
    CHECK(slow_turns.take(kMiB, cancelled).bytes == (64 << 10) / 20);
    CHECK(fast_turns.take(kMiB, cancelled).bytes == kMiB / 20);
    // From here on nothing moves for an hour: no turn may be taken without waiting.
    shared.set({.upload_limit = 1});
    std::atomic<bool> returned = false;
    fast_turns.take(4096, cancelled);  // the burst
    std::thread waits([&] {
      slow_turns.take(4096, cancelled);
      returned = true;
    });
    CHECK_FALSE(returned);
    cancelled = true;
    slow.wake();
    waits.join();
  }

  TEST_CASE("what the torrent's limit has granted is not asked of it again") {
    Bandwidth shared({.download_limit = 40 * kMiB});
    TorrentBandwidth bandwidth(shared, {});
    auto turns = bandwidth.download_turns();
    const std::atomic<bool> cancelled = false;
    CHECK(turns.take(10 * kMiB, cancelled).bytes == kMiB);  // an own step without limit
    shared.set({.download_limit = 20 * kMiB});
    bandwidth.set_rates({.download = 16 * kMiB});
    CHECK(turns.take(kMiB, cancelled).bytes == 16 * kMiB / 20);
    bandwidth.set_rates({});
    CHECK(turns.take(kMiB, cancelled).bytes == kMiB);
    shared.set({.download_limit = 10 * kMiB});
    const std::uint64_t first = turns.take(kMiB, cancelled).bytes;
    CHECK(first == kMiB / 2);
    bandwidth.set_rates({.download = 1});  // would hold up anything that is asked of it
    CHECK(turns.take(kMiB, cancelled).bytes == kMiB - first);
  }

  TEST_CASE("many connections of many torrents take, are cancelled, and see limits change") {
    Bandwidth shared({.upload_limit = 8 * kMiB});
    std::deque<TorrentBandwidth> torrents;
    for (int i = 0; i < 4; ++i) torrents.emplace_back(shared, TorrentBandwidth::Rates{kMiB, kMiB});
    std::atomic<bool> cancelled = false;
    std::atomic<std::uint64_t> bytes = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        auto& torrent = torrents[static_cast<std::size_t>(i) % torrents.size()];
        auto up = torrent.upload_turns();
        auto down = torrent.download_turns();
        for (int n = 0; n < 100; ++n) {
          bytes += up.take(4096, cancelled).bytes + down.take(4096, cancelled).bytes;
        }
      });
    }
    for (std::uint64_t rate = kMiB; rate <= 8 * kMiB; rate *= 2) {
      for (TorrentBandwidth& torrent : torrents) torrent.set_rates({rate, rate});
      shared.set({.upload_limit = rate});
    }
    cancelled = true;
    for (TorrentBandwidth& torrent : torrents) torrent.wake();
    for (std::thread& thread : threads) thread.join();
    CHECK(bytes <= 8 * 100 * 2 * 4096);
    CHECK(bytes > 0);
  }
}

}  // namespace
}  // namespace piecework::peer
