#include "peer/torrent_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// A node that watches a directory. Rescans are far apart: what happens is inotify's doing.
struct Rig {
  Rig() { std::filesystem::create_directory(temp.file("watch")); }
  ~Rig() { directory.stop(); }

  // The text of a torrent for a file called `name`.
  std::string torrent_text(const std::string& name, std::size_t length = 30) const {
    Torrent torrent = sample_torrent(length, 10).torrent;
    torrent.trackers = {nobody.host_port()};
    torrent.file_name = name;
    torrent.info_hash = compute_info_hash(name, torrent.layout, torrent.piece_digests);
    return format_torrent(torrent);
  }
  void drop(const std::string& file, const std::string& text) const {
    temp.write("watch/" + file, text);
  }
  void move_in(const std::string& file, const std::string& text) const {
    temp.write("outside", text);
    std::filesystem::rename(temp.file("outside"), temp.file("watch/" + file));
  }
  void take_out(const std::string& file) const {
    std::filesystem::remove(temp.file("watch/" + file));
  }
  // The names of the torrents' files, sorted.
  std::string running() const {
    std::vector<std::string> names;
    for (const DownloadStatus& status : server.status()) names.push_back(status.name);
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
  }
  bool comes_to(const std::string& names) const {
    return eventually([&] { return running() == names; });
  }
  std::string note(const std::string& file) const {
    return temp.read("watch/" + file + ".invalid");
  }
  bool noted(const std::string& file, const std::string& part) const {
    return eventually([&] { return note(file).find(part) != std::string::npos; });
  }
  bool note_goes(const std::string& file) const {
    return eventually([&] { return note(file).empty(); });
  }

  CapturedLog log;
  TempDir temp;
  RefusingPort nobody;
  PeerServer server{[&] {
    PeerServer::Options options;
    options.listen = {*Endpoint::parse("127.0.0.1:0")};
    options.download_dir = temp.file("downloads");
    options.state_dir = temp.file("state");
    return options;
  }()};
  TorrentDirectory directory{temp.file("watch"), std::chrono::hours(1), server};
};

TEST_SUITE("torrent_directory") {
  TEST_CASE("torrents that are there at the start run, and dotfiles and others are passed over") {
    Rig rig;
    rig.drop("a.torrent", rig.torrent_text("a"));
    rig.drop("b.torrent", rig.torrent_text("b"));
    rig.drop(".c.torrent", rig.torrent_text("c"));
    rig.drop("d.torrent.tmp", rig.torrent_text("d"));
    rig.drop(".torrent", rig.torrent_text("e"));
    rig.drop("readme", "x");
    rig.directory.start();
    CHECK(rig.comes_to("a b"));
  }

  TEST_CASE("a torrent is taken when written or moved in, and stops when removed or moved out") {
    Rig rig;
    rig.directory.start();
    rig.drop("a.torrent", rig.torrent_text("a"));
    CHECK(rig.comes_to("a"));
    const std::string part = rig.temp.file("downloads/a.part");
    CHECK(eventually([&] { return std::filesystem::exists(part); }));
    rig.move_in("b.torrent", rig.torrent_text("b"));
    CHECK(rig.comes_to("a b"));
    rig.take_out("a.torrent");
    CHECK(rig.comes_to("b"));
    std::filesystem::rename(rig.temp.file("watch/b.torrent"), rig.temp.file("b.torrent"));
    CHECK(rig.comes_to(""));
    CHECK(std::filesystem::exists(part));
    rig.drop("a.torrent", rig.torrent_text("a"));
    CHECK(rig.comes_to("a"));
  }

  TEST_CASE("a bad one gets a note that says why, until a good one replaces it") {
    Rig rig;
    rig.directory.start();
    const std::string good = rig.torrent_text("a");
    for (const std::string& bad : {std::string(), good.substr(0, 50), std::string("{}")}) {
      rig.drop("a.torrent", bad);
      CHECK(eventually([&] { return !rig.note("a.torrent").empty(); }));
      CHECK(std::filesystem::exists(rig.temp.file("watch/a.torrent")));
      CHECK(rig.running().empty());
    }
    CHECK(rig.noted("a.torrent", "announce"));
    rig.drop("a.torrent", good);
    CHECK(rig.comes_to("a"));
    CHECK(rig.note_goes("a.torrent"));
  }

  TEST_CASE("the note of a bad one goes with it") {
    Rig rig;
    rig.directory.start();
    rig.drop("a.torrent", "{}");
    CHECK(rig.noted("a.torrent", "announce"));
    rig.take_out("a.torrent");
    CHECK(rig.note_goes("a.torrent"));
  }

  TEST_CASE("of two that claim one name the second waits until the first is gone") {
    Rig rig;
    rig.directory.start();
    rig.drop("first.torrent", rig.torrent_text("same", 30));
    CHECK(rig.comes_to("same"));
    rig.drop("second.torrent", rig.torrent_text("same", 40));
    CHECK(rig.noted("second.torrent", "first.torrent"));
    rig.take_out("first.torrent");
    CHECK(eventually([&] {
      const auto status = rig.server.status();
      return status.size() == 1 && status[0].length == 40;
    }));
    CHECK(rig.note_goes("second.torrent"));
  }

  TEST_CASE("the same name dropped with other content is a new torrent") {
    Rig rig;
    rig.directory.start();
    rig.drop("a.torrent", rig.torrent_text("old"));
    CHECK(rig.comes_to("old"));
    rig.drop("a.torrent", rig.torrent_text("new"));
    CHECK(rig.comes_to("new"));
  }

  TEST_CASE("many that come and go in a hurry end as the directory stands") {
    Rig rig;
    rig.directory.start();
    for (int round = 0; round < 3; ++round) {
      for (const char* name : {"a", "b", "c", "d"}) {
        rig.drop(std::string(name) + ".torrent", rig.torrent_text(name));
      }
      for (const char* name : {"a", "c"}) rig.take_out(std::string(name) + ".torrent");
    }
    CHECK(rig.comes_to("b d"));
  }
}

}  // namespace
}  // namespace piecework::peer
