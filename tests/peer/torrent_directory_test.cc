#include "peer/torrent_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "common/torrent_signature.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/loopback_options.h"
#include "tests/support/no_more_threads.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// A node that watches a directory. Unless said otherwise rescans are far apart: what happens is
// inotify's doing.
struct Rig {
  explicit Rig(milliseconds rescan_interval = std::chrono::hours(1),
               const std::vector<VerifyKey>& trusted = {})
      : directory(temp.file("watch"), rescan_interval, server, trusted) {}
  ~Rig() { directory.stop(); }

  // The text of a torrent for a file called `name`.
  std::string torrent_text(const std::string& name, std::size_t length = 30,
                           const SigningKey* signer = nullptr) const {
    Torrent torrent = sample_torrent(length, 10).torrent;
    torrent.trackers = {nobody.host_port()};
    torrent.file_name = name;
    torrent.info_hash = compute_info_hash(torrent);
    if (signer != nullptr) torrent.signature = sign_torrent(torrent, *signer);
    return format_torrent(torrent);
  }
  std::string signed_text(const std::string& name, const SigningKey& signer) const {
    return torrent_text(name, 30, &signer);
  }
  void drop(const std::string& file, const std::string& text) const {
    temp.write("watch/" + file, text);
  }
  void move_in(const std::string& file, const std::string& text) const {
    temp.write("outside", text);
    std::filesystem::rename(temp.file("outside"), temp.file("watch/" + file));
  }
  void link_in(const std::string& file, const std::string& target) const {
    std::filesystem::create_symlink(target, temp.file("outside"));
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
  PeerServer server{loopback_options(temp)};
  TorrentDirectory directory;
};

// Reading this fails with EIO, although it is a regular file by all that stat(2) says.
constexpr const char* kUnreadable = "/proc/self/mem";

// A rescan takes it to be written to its end.
void set_old(const std::string& path) {
  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(path, now - std::chrono::minutes(1));
}

// How many inotify(7) watches this process has.
std::size_t watch_count() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) count += line.starts_with("inotify wd:");
  }
  return count;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

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

  TEST_CASE("a torrent whose file cannot be read for now runs on, which is said once") {
    Rig rig(milliseconds(20));
    const std::string text = rig.torrent_text("a");
    rig.drop("a.torrent", text);
    rig.directory.start();
    CHECK(rig.comes_to("a"));
    rig.link_in("a.torrent", kUnreadable);
    CHECK(
        eventually([&] { return rig.log.has("warn torrent.unreadable file=a.torrent reason="); }));
    rig.link_in("b.torrent", kUnreadable);  // by then the first one has been looked at again
    CHECK(rig.noted("b.torrent", "Input/output error"));
    rig.move_in("a.torrent", text);
    rig.drop("c.torrent", rig.torrent_text("c"));
    CHECK(rig.comes_to("a c"));
    CHECK(count_of(rig.log.text(), "torrent.unreadable file=a.torrent") == 1);
    CHECK_FALSE(rig.log.has("torrent.removed"));
    CHECK(rig.note("a.torrent").empty());
  }

  TEST_CASE("one that could not be read is looked at again at the next rescan, and its note goes") {
    Rig rig(milliseconds(20));
    rig.directory.start();
    // The link stays as it is, so that inotify has nothing to tell of what it leads to.
    std::filesystem::create_symlink(kUnreadable, rig.temp.file("target"));
    rig.link_in("a.torrent", rig.temp.file("target"));
    CHECK(rig.noted("a.torrent", "Input/output error"));
    CHECK(rig.log.has("warn torrent.unreadable file=a.torrent reason="));
    CHECK_FALSE(rig.log.has("torrent.invalid"));
    const std::string good = rig.temp.write("good", rig.torrent_text("a"));
    set_old(good);
    std::filesystem::rename(good, rig.temp.file("target"));
    CHECK(rig.comes_to("a"));
    CHECK(rig.note_goes("a.torrent"));
  }

  TEST_CASE("a link that leads nowhere has a note until it leads to a torrent") {
    Rig rig(milliseconds(20));
    rig.directory.start();
    rig.link_in("a.torrent", rig.temp.file("target"));
    CHECK(rig.noted("a.torrent", "No such file or directory"));
    const std::string good = rig.temp.write("good", rig.torrent_text("a"));
    set_old(good);
    std::filesystem::rename(good, rig.temp.file("target"));
    CHECK(rig.comes_to("a"));
    CHECK(rig.note_goes("a.torrent"));
    std::filesystem::remove(rig.temp.file("target"));
    CHECK(eventually(
        [&] { return count_of(rig.log.text(), "warn torrent.unreadable file=a.torrent") == 2; }));
    CHECK(rig.running() == "a");
    rig.take_out("a.torrent");
    CHECK(rig.comes_to(""));
    CHECK(rig.note("a.torrent").empty());
  }

  TEST_CASE("one that cannot be started for want of a thread is tried again at the next rescan") {
    Rig rig(milliseconds(20));
    rig.directory.start();
    set_old(rig.temp.write("outside", rig.torrent_text("a")));
    {
      const NoMoreThreads no_more_threads;
      std::filesystem::rename(rig.temp.file("outside"), rig.temp.file("watch/a.torrent"));
      CHECK(rig.noted("a.torrent", "again"));
      CHECK(rig.log.has("warn torrent.not_started file=a.torrent reason="));
      CHECK(rig.running().empty());
    }
    CHECK(rig.comes_to("a"));
    CHECK(rig.note_goes("a.torrent"));
  }

  TEST_CASE("notes whose torrents went while nobody watched go at the start, and nothing else") {
    Rig rig;
    rig.drop("gone.torrent.invalid", "why");
    rig.drop("bad.torrent.invalid", "why");
    rig.drop("bad.torrent", "{}");
    rig.drop("a.invalid", "mine");
    rig.drop(".b.torrent.invalid", "mine");
    std::filesystem::create_directory(rig.temp.file("watch/dir.torrent.invalid"));
    rig.directory.start();
    CHECK(rig.note_goes("gone.torrent"));
    CHECK(rig.noted("bad.torrent", "announce"));
    CHECK(rig.note("a") == "mine");
    CHECK(rig.note(".b.torrent") == "mine");
    CHECK(std::filesystem::exists(rig.temp.file("watch/dir.torrent.invalid")));
  }

  TEST_CASE("a directory that is moved away is watched no more, and a new one in its place is") {
    Rig rig(milliseconds(20));
    const std::size_t before = watch_count();
    rig.directory.start();
    rig.drop("a.torrent", rig.torrent_text("a"));
    CHECK(rig.comes_to("a"));
    CHECK(watch_count() == before + 1);
    std::filesystem::rename(rig.temp.file("watch"), rig.temp.file("elsewhere"));
    CHECK(eventually([&] { return watch_count() == before; }));
    CHECK(rig.running() == "a");
    std::filesystem::create_directory(rig.temp.file("watch"));
    CHECK(rig.comes_to(""));
    CHECK(eventually([&] { return watch_count() == before + 1; }));
    rig.drop("b.torrent", rig.torrent_text("b"));
    CHECK(rig.comes_to("b"));
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

  TEST_CASE("a wrong signature is refused, whether keys are trusted or not") {
    const SigningKey mine = SigningKey::generate();
    for (const std::vector<VerifyKey>& trusted :
         {std::vector<VerifyKey>{}, std::vector<VerifyKey>{mine.public_key()}}) {
      Rig rig(std::chrono::hours(1), trusted);
      rig.directory.start();
      Torrent torrent = parse_torrent(rig.signed_text("a", mine));
      torrent.trackers.push_back({"127.0.0.1", 1});
      rig.drop("a.torrent", format_torrent(torrent));
      CHECK(rig.noted("a.torrent", "signature.value: is wrong"));
      rig.drop("a.torrent", rig.signed_text("a", mine));
      CHECK(rig.comes_to("a"));
      CHECK(rig.note_goes("a.torrent"));
    }
  }

  TEST_CASE("with trusted keys only what one of them has signed is taken") {
    const SigningKey mine = SigningKey::generate();
    const SigningKey stranger = SigningKey::generate();
    Rig rig(std::chrono::hours(1), {mine.public_key()});
    rig.drop("before.torrent", rig.torrent_text("before"));
    rig.directory.start();
    CHECK(rig.noted("before.torrent", "signature: missing"));
    rig.drop("a.torrent", rig.signed_text("a", stranger));
    CHECK(rig.noted("a.torrent", "signature.key: " + stranger.public_key().to_hex()));
    rig.drop("b.torrent", rig.signed_text("b", mine));
    CHECK(rig.comes_to("b"));
    rig.drop("b.torrent", rig.torrent_text("b"));
    CHECK(rig.noted("b.torrent", "signature: missing"));
    CHECK(rig.comes_to(""));
  }

  TEST_CASE("when other keys are trusted, all that are there are judged by these") {
    const SigningKey mine = SigningKey::generate();
    const SigningKey other = SigningKey::generate();
    Rig rig;
    rig.drop("a.torrent", rig.signed_text("a", mine));
    rig.drop("b.torrent", rig.signed_text("b", other));
    rig.drop("c.torrent", rig.torrent_text("c"));
    rig.drop("d.torrent", "{");
    rig.directory.start();
    CHECK(rig.comes_to("a b c"));
    rig.directory.trust({mine.public_key()});
    CHECK(rig.comes_to("a"));
    CHECK(rig.noted("b.torrent", "signature.key: "));
    CHECK(rig.noted("c.torrent", "signature: missing"));
    rig.directory.trust({other.public_key()});
    CHECK(rig.comes_to("b"));
    CHECK(rig.note_goes("b.torrent"));
    rig.directory.trust({});
    CHECK(rig.comes_to("a b c"));
    CHECK(rig.note_goes("a.torrent"));
    CHECK(rig.noted("d.torrent", "offset"));
  }

  TEST_CASE("a running one whose file cannot be read is stopped as well") {
    const SigningKey mine = SigningKey::generate();
    Rig rig;
    rig.directory.start();
    rig.drop("a.torrent", rig.torrent_text("a"));
    CHECK(rig.comes_to("a"));
    rig.link_in("a.torrent", kUnreadable);
    CHECK(
        eventually([&] { return rig.log.text().find("torrent.unreadable") != std::string::npos; }));
    CHECK(rig.running() == "a");
    rig.directory.trust({mine.public_key()});
    CHECK(rig.comes_to(""));
  }

  TEST_CASE("when one that is no longer trusted leaves, the one that it was in the way of comes") {
    const SigningKey mine = SigningKey::generate();
    Rig rig;
    rig.directory.start();
    rig.drop("first.torrent", rig.torrent_text("a"));
    CHECK(rig.comes_to("a"));
    rig.drop("second.torrent", rig.torrent_text("a", 40, &mine));
    CHECK(rig.noted("second.torrent", "first.torrent"));
    rig.directory.trust({mine.public_key()});
    CHECK(rig.note_goes("second.torrent"));
    CHECK(rig.noted("first.torrent", "signature: missing"));
    CHECK(eventually([&] {
      const auto running = rig.server.status();
      return running.size() == 1 && running.front().length == 40;
    }));
  }

  TEST_CASE("keys that many threads change while torrents come end as the last ones say") {
    const SigningKey mine = SigningKey::generate();
    const SigningKey other = SigningKey::generate();
    Rig rig;
    rig.directory.start();
    std::vector<std::thread> threads;
    for (const SigningKey* key : {&mine, &other, &mine, &other}) {
      threads.emplace_back([&rig, key] {
        for (int i = 0; i < 20; ++i) rig.directory.trust({key->public_key()});
      });
    }
    rig.drop("a.torrent", rig.signed_text("a", mine));
    rig.drop("b.torrent", rig.signed_text("b", other));
    for (std::thread& thread : threads) thread.join();
    rig.directory.trust({mine.public_key()});
    CHECK(rig.comes_to("a"));
    CHECK(rig.noted("b.torrent", "signature.key: "));
  }

  TEST_CASE("the watcher answers when it is asked, and not while nobody watches") {
    Rig rig;
    CHECK(rig.directory.answered());
    rig.directory.ask();
    CHECK_FALSE(rig.directory.answered());
    rig.directory.start();
    for (int i = 0; i < 20; ++i) {
      CHECK(eventually([&] { return rig.directory.answered(); }));
      rig.directory.ask();
    }
    rig.drop("a.torrent", rig.torrent_text("a.bin"));
    CHECK(rig.comes_to("a.bin"));
    CHECK(eventually([&] { return rig.directory.answered(); }));
  }
}

}  // namespace
}  // namespace piecework::peer
