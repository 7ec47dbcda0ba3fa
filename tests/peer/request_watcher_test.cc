#include "peer/request_watcher.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>

#include "peer/request_files.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/loopback_options.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// A node with one complete torrent, and somebody who watches what is asked of it. Unless said
// otherwise rescans are far apart: what happens is inotify's doing.
struct Rig {
  explicit Rig(milliseconds rescan_interval = std::chrono::hours(1))
      : watcher(temp.file("state"), rescan_interval, server) {
    // A name of its own: equal lines of the log are counted, not printed, across tests.
    static int rigs = 0;
    name_it("file" + std::to_string(++rigs));
    torrent.trackers = {nobody.host_port()};
    temp.write("downloads/" + torrent.file_name, sample.content);
  }
  ~Rig() {
    watcher.stop();
    server.stop();
  }

  void name_it(const std::string& name) {
    torrent.file_name = name;
    torrent.info_hash = compute_info_hash(torrent);
  }
  void add() { CHECK_FALSE(server.add(torrent, "file.torrent")); }
  bool comes_to(DownloadState state) const {
    return eventually([&] { return server.status().front().state == state; });
  }
  bool asked(Request request) const {
    return is_requested(state_dir(), torrent.info_hash, request);
  }
  void ask(Request request) const { place_request(state_dir(), torrent.info_hash, request); }
  void take(Request request) const { take_request(state_dir(), torrent.info_hash, request); }
  std::string state_dir() const { return temp.file("state"); }

  CapturedLog log;
  TempDir temp;
  RefusingPort nobody;
  SampleTorrent sample = sample_torrent(30, 10);
  Torrent torrent = sample.torrent;
  PeerServer server{loopback_options(temp)};
  RequestWatcher watcher;
};

TEST_SUITE("request_watcher") {
  TEST_CASE("a torrent is held while its pause lies there, and goes on when that goes") {
    Rig rig;
    rig.watcher.start();
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kSeeding));
    rig.ask(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kPaused));
    CHECK(rig.server.status().front().bytes == 30);
    rig.take(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kSeeding));
    CHECK(rig.log.count("torrent.paused") == 1);
    CHECK(rig.log.count("torrent.resumed") == 1);
  }

  TEST_CASE("what lay there before counts when the torrent comes") {
    Rig rig;
    rig.watcher.start();
    rig.ask(Request::kPause);
    rig.add();
    CHECK(rig.comes_to(DownloadState::kPaused));
    CHECK_FALSE(rig.log.has("torrent.seeding"));
  }

  TEST_CASE("a recheck is taken and verifies all again") {
    Rig rig;
    rig.watcher.start();
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kSeeding));
    rig.ask(Request::kRecheck);
    CHECK(eventually([&] { return rig.log.count("torrent.seeding") == 2; }));
    CHECK_FALSE(rig.asked(Request::kRecheck));
    CHECK(rig.log.count("torrent.checked") == 2);
  }

  TEST_CASE("asked of one that is held, it is done when that goes on") {
    Rig rig;
    rig.watcher.start();
    rig.ask(Request::kPause);
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kPaused));
    rig.ask(Request::kRecheck);
    CHECK(rig.asked(Request::kRecheck));
    rig.take(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kSeeding));
    CHECK_FALSE(rig.asked(Request::kRecheck));
    CHECK(rig.log.has("torrent.recheck"));
  }

  TEST_CASE("one that has an error can be held, and goes on to have it") {
    Rig rig;
    rig.watcher.start();
    rig.temp.write("downloads/" + rig.torrent.file_name, "short");
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kError));
    rig.ask(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kPaused));
    rig.temp.write("downloads/" + rig.torrent.file_name, rig.sample.content);
    rig.take(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kSeeding));
  }

  TEST_CASE("what inotify did not tell is found by a rescan") {
    Rig rig(milliseconds(50));
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kSeeding));
    rig.ask(Request::kPause);
    rig.watcher.start();
    CHECK(rig.comes_to(DownloadState::kPaused));
  }

  TEST_CASE("requests for torrents that are not there, and other files, do nothing") {
    Rig rig;
    rig.watcher.start();
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kSeeding));
    place_request(rig.state_dir(), InfoHash(), Request::kRecheck);
    place_request(rig.state_dir(), InfoHash(), Request::kPause);
    rig.temp.write("state/file.pause", "");
    rig.ask(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kPaused));
    CHECK(is_requested(rig.state_dir(), InfoHash(), Request::kRecheck));
  }

  TEST_CASE("many who ask at once leave it as the files say") {
    Rig rig;
    rig.watcher.start();
    rig.add();
    std::deque<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&rig, t] {
        for (int i = 0; i < 20; ++i) {
          if (t == 0) rig.ask(Request::kPause);
          if (t == 1) rig.take(Request::kPause);
          if (t == 2) rig.ask(Request::kRecheck);
          if (t == 3) rig.server.look_at_all_requests();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    rig.take(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kSeeding));
    rig.ask(Request::kPause);
    CHECK(rig.comes_to(DownloadState::kPaused));
  }

  TEST_CASE("a recheck that a stop comes between is asked for again") {
    Rig rig;
    rig.temp.write("downloads/" + rig.torrent.file_name, "too short for it");
    rig.ask(Request::kRecheck);
    rig.add();
    REQUIRE(rig.comes_to(DownloadState::kError));
    CHECK_FALSE(rig.asked(Request::kRecheck));
    rig.server.stop();
    CHECK(rig.asked(Request::kRecheck));
  }
}

}  // namespace
}  // namespace piecework::peer
