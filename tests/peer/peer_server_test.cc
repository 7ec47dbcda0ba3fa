#include "peer/peer_server.h"

#include <doctest/doctest.h>

#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "common/announce.h"
#include "common/frame.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_peer.h"
#include "tests/support/loopback_options.h"
#include "tests/support/no_more_threads.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/scripted_tracker.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// A node with a listener, and torrents that no tracker knows.
struct Rig {
  Rig() { server.start(); }

  // A complete torrent called `name`, seeded from the download directory.
  SampleTorrent seed(const std::string& name, std::size_t length, HashForm form = HashForm::kSha256,
                     std::optional<HostPort> tracker = std::nullopt) {
    SampleTorrent sample = sample_torrent(length, 10, form);
    Torrent& torrent = sample.torrent;
    torrent.trackers = {tracker.value_or(nobody.host_port())};
    torrent.file_name = name;
    torrent.info_hash = compute_info_hash(torrent);
    temp.write("downloads/" + name, sample.content);
    CHECK_FALSE(server.add(torrent, name + ".torrent"));
    CHECK(eventually([&] { return state_of(torrent.info_hash) == DownloadState::kSeeding; }));
    return sample;
  }
  std::optional<DownloadState> state_of(const InfoHash& info_hash) {
    for (const DownloadStatus& status : server.status()) {
      if (status.info_hash == info_hash) return status.state;
    }
    return std::nullopt;
  }
  void limit(const std::vector<TorrentLimit>& limits) {
    PeerServer::Settings settings;
    settings.torrent_limits = limits;
    server.reconfigure(settings);
  }
  FakePeer dial() {
    const Endpoint at = server.listening().front();
    Stream stream = Stream::unconnected(at);
    stream.connect(at, soon());
    return FakePeer(std::move(stream));
  }

  CapturedLog log;
  TempDir temp;
  RefusingPort nobody;
  PeerServer server{loopback_options(temp)};
};

// What a tracker answers that knows one peer, on this host.
std::string naming(const Endpoint& peer, int interval) {
  return R"({"error_code": 0, "message": "started ACK", "num-of-peer": 1, "interval": )" +
         std::to_string(interval) +
         R"(, "peers": [{"peer-id": "x", "peer-ip": "127.0.0.1", "peer-port": )" +
         std::to_string(peer.port) + "}]}";
}

// Listens in a thread of its own, as a peer would that ends when the other side does.
class Attentive {
 public:
  explicit Attentive(FakePeer& fake)
      : thread_([this, &fake] {
          for (std::string frame = fake.hear(); frame != "end"; frame = fake.hear()) {
            heard_ += frame + " ";
          }
          fake.stream().shutdown();
        }) {}
  ~Attentive() { heard(); }

  // All that was said until the end; waits for that.
  const std::string& heard() {
    if (thread_.joinable()) thread_.join();
    return heard_;
  }

 private:
  std::string heard_;
  std::thread thread_;
};

TEST_SUITE("peer_server") {
  TEST_CASE("a greeting says which torrent is meant") {
    Rig rig;
    const SampleTorrent one = rig.seed("one", 30);
    const SampleTorrent two = rig.seed("two", 30);
    CHECK(one.torrent.info_hash != two.torrent.info_hash);
    for (const SampleTorrent* sample : {&one, &two}) {
      FakePeer fake = rig.dial();
      fake.introduce("000", greeting_for(sample->torrent));
      CHECK(fake.hear() == "Bitfield 111 greeting");
      CHECK(fake.body().find(sample->torrent.info_hash.to_hex()) != std::string::npos);
    }
  }

  TEST_CASE("a torrent that is not here ends the connection without a word") {
    Rig rig;
    rig.seed("one", 30);
    FakePeer fake = rig.dial();
    fake.introduce("000", greeting_for(sample_torrent(31, 10).torrent));
    CHECK(fake.hear() == "end");
    CHECK(rig.log.has("reason=unknown_torrent"));
  }

  TEST_CASE("an original means the torrent in the original form with that many pieces") {
    Rig rig;
    rig.seed("modern", 50);
    rig.seed("five", 50, HashForm::kOriginal);
    rig.seed("three", 30, HashForm::kOriginal);
    FakePeer fake = rig.dial();
    fake.introduce("00000", std::nullopt);
    CHECK(fake.hear() == "Bitfield 11111");
    FakePeer stranger = rig.dial();
    stranger.introduce("0000", std::nullopt);
    CHECK(stranger.hear() == "ServerClose");
    CHECK(stranger.hear() == "end");
  }

  TEST_CASE("when an original could mean two torrents it is sent away") {
    Rig rig;
    rig.seed("one", 50, HashForm::kOriginal);
    rig.seed("two", 45, HashForm::kOriginal);
    FakePeer fake = rig.dial();
    fake.introduce("00000", std::nullopt);
    CHECK(fake.hear() == "ServerClose");
    CHECK(fake.hear() == "end");
  }

  TEST_CASE("bad first frames are refused with their reason") {
    const struct {
      const char* hex;
      const char* reason;
    } kCases[] = {
        {"ffffffffffffffff", "reason=frame_too_large"},
        {"0000000000000005 00000001 02", "reason=bitfield_expected"},
        {"0000000000000006 00000002 05 02", "reason=bad_bitfield"},
        {"0000000000000007 00000002 05 00 78", "reason=bad_greeting"},
        {"0000000000000000", "reason=empty_frame"},
        {"00000000", "reason=truncated"},
    };
    Rig rig;
    rig.seed("one", 30);
    for (const auto& c : kCases) {
      FakePeer fake = rig.dial();
      fake.say_bytes(from_hex(c.hex));
      fake.stream().finish_sending();
      CHECK(fake.hear() == "end");
      CHECK(eventually([&] { return rig.log.has(c.reason); }));
    }
  }

  TEST_CASE("a torrent or a name that is taken is refused naming who has it") {
    Rig rig;
    SampleTorrent one = rig.seed("one", 30);
    const auto same = rig.server.add(one.torrent, "copy.torrent");
    REQUIRE(same);
    CHECK(same->find("one.torrent") != std::string::npos);
    one.torrent.info_hash = sample_torrent(31, 10).torrent.info_hash;
    const auto name = rig.server.add(one.torrent, "other.torrent");
    REQUIRE(name);
    CHECK(name->find("one.torrent") != std::string::npos);
    CHECK(rig.server.status().size() == 1);
  }

  TEST_CASE("limits of single torrents hold for those that come later, and can be changed") {
    Rig rig;
    rig.limit({{"a.bin", {.upload = 5}}, {"b.bin", {.download = 6}}});
    rig.seed("a.bin", 30);
    CHECK(eventually([&] { return rig.log.has("name=a.bin upload=5 download=0"); }));
    CHECK_FALSE(rig.log.has("name=b.bin"));
    rig.limit({{"a.bin", {.upload = 5}}});
    CHECK(rig.log.count("torrent.limited") == 1);
    rig.limit({});
    CHECK(rig.log.has("name=a.bin upload=0 download=0"));
    CHECK(rig.log.count("torrent.limited") == 2);
  }

  TEST_CASE("digits that begin the hashes of two torrents limit both, and this is said") {
    Rig rig;
    // Empty files with these names have info_hashes that both begin so.
    const std::string digits = "a220307d";
    rig.limit({{digits, {.upload = 5}}});
    rig.seed("empty-13336", 0);
    CHECK_FALSE(rig.log.has("limit.ambiguous"));
    rig.seed("empty-97233", 0);
    CHECK(rig.log.has("limit.ambiguous torrent=" + digits + " hash=" + digits));
    CHECK(eventually([&] { return rig.log.count("upload=5 download=0") == 2; }));
  }

  TEST_CASE("removing a torrent ends its conversations, and frees its name") {
    Rig rig;
    const SampleTorrent one = rig.seed("one", 30);
    FakePeer fake = rig.dial();
    fake.introduce("000", greeting_for(one.torrent));
    CHECK(fake.hear() == "Bitfield 111 greeting");
    CHECK(fake.hear() == "UnInterested");
    Attentive attentive(fake);
    rig.server.remove({one.torrent.info_hash});
    CHECK(attentive.heard() == "ServerClose ");
    CHECK(rig.server.status().empty());
    rig.server.remove({one.torrent.info_hash});
    CHECK_FALSE(rig.server.add(one.torrent, "again.torrent"));
  }

  TEST_CASE("what a removed torrent has moved is still counted") {
    Rig rig;
    const SampleTorrent one = rig.seed("one", 30);
    FakePeer fake = rig.dial();
    fake.introduce("000", greeting_for(one.torrent));
    fake.hear_sorted(2);
    fake.say(MessageId::kInterested);
    CHECK(fake.hear() == "UnChoke");
    fake.say(MessageId::kRequest, 1);
    fake.hear();
    CHECK(fake.piece_data().size() == 10);
    CHECK(eventually([&] { return rig.server.snapshot().torrents.front().sent == 10; }));
    CHECK(rig.server.snapshot().departed.sent == 0);
    Attentive attentive(fake);
    rig.server.remove({one.torrent.info_hash});
    CHECK(rig.server.snapshot().torrents.empty());
    CHECK(rig.server.snapshot().departed.sent == 10);
    rig.server.remove({one.torrent.info_hash});
    CHECK(rig.server.snapshot().departed.sent == 10);
  }

  TEST_CASE("several torrents are removed at the same time") {
    Rig rig;
    const SampleTorrent one = rig.seed("one", 30);
    const SampleTorrent two = rig.seed("two", 30);
    rig.seed("three", 30);
    FakePeer first = rig.dial();
    first.introduce("000", greeting_for(one.torrent));
    first.hear_sorted(2);
    FakePeer second = rig.dial();
    second.introduce("000", greeting_for(two.torrent));
    second.hear_sorted(2);
    // Each is let go only when both have been told.
    std::thread peers([&] {
      CHECK(second.hear() == "ServerClose");
      CHECK(first.hear() == "ServerClose");
      first.stream().shutdown();
      second.stream().shutdown();
    });
    rig.server.remove({one.torrent.info_hash, two.torrent.info_hash, InfoHash()});
    peers.join();
    REQUIRE(rig.server.status().size() == 1);
    CHECK(rig.server.status()[0].name == "three");
  }

  TEST_CASE("a torrent that cannot be started for want of a thread leaves nothing behind") {
    Rig rig;
    Torrent torrent = sample_torrent(30, 10).torrent;
    torrent.trackers = {rig.nobody.host_port()};
    {
      const NoMoreThreads no_more_threads;
      CHECK_THROWS_AS(rig.server.add(torrent, "a.torrent"), std::system_error);
    }
    CHECK(rig.server.status().empty());
    CHECK_FALSE(rig.server.add(torrent, "a.torrent"));
    CHECK(rig.server.status().size() == 1);
  }

  TEST_CASE("peers are dialled while a tracker takes its time to answer") {
    Rig rig;
    LoopbackListener peer;
    LoopbackListener tracker;
    rig.seed("one", 30, HashForm::kSha256, HostPort{"127.0.0.1", tracker.endpoint().port});
    const auto asked = [&] {
      Stream stream = tracker.accept();
      CHECK(recv_text_frame(stream, kMaxAnnounceRequestBytes, soon()));
      return stream;
    };
    asked().send_all(bytes_of(framed(naming(peer.endpoint(), 1))), soon());
    Stream dialled = peer.accept();
    const Stream waiting = asked();
    // It is time for the peer again before the tracker has answered.
    dialled.shutdown();
    CHECK(eventually([&] { return rig.server.connection_count() == 0; }));
    CHECK(eventually([&] {
      rig.server.tick(Clock::now());
      return rig.server.connection_count() == 1;
    }));
    CHECK_FALSE(waiting.is_left());
    peer.accept();
  }

  TEST_CASE("a dial for which there is no thread is said, and a newcomer's refusal as well") {
    Rig rig;
    const RefusingPort peer;
    const std::string where = peer.endpoint().to_string();
    ScriptedTracker tracker({framed(naming(peer.endpoint(), 3600))});
    rig.seed("one", 30, HashForm::kSha256, tracker.at());
    CHECK(eventually([&] { return rig.log.has("peer.unreachable peer=" + where); }));
    {
      const NoMoreThreads no_more_threads;
      // Those that are kept are given to who comes.
      std::vector<FakePeer> newcomers;
      while (newcomers.size() < 200 && !rig.log.has("reason=no_thread")) {
        newcomers.push_back(rig.dial());
      }
      CHECK(eventually([&] {
        return rig.log.has("warn connection.refused address=127.0.0.1 reason=no_thread");
      }));
      CHECK(eventually([&] {
        return rig.log.has("warn peer.not_dialled peer=" + where + " reason=no_thread");
      }));
    }
    // It is tried again.
    const int before = rig.log.count("peer.unreachable peer=" + where);
    CHECK(eventually([&] { return rig.log.count("peer.unreachable peer=" + where) > before; }));
  }

  TEST_CASE("stopping says what the torrents have come to") {
    Rig rig;
    rig.seed("one", 30);
    const auto last = rig.server.stop();
    REQUIRE(last.size() == 1);
    CHECK(last[0].state == DownloadState::kSeeding);
    CHECK(rig.server.status().empty());
    CHECK(rig.server.stop().empty());
  }

  TEST_CASE("stopping says goodbye to everyone") {
    Rig rig;
    const SampleTorrent one = rig.seed("one", 30);
    FakePeer fake = rig.dial();
    fake.introduce("000", greeting_for(one.torrent));
    fake.hear_sorted(2);
    FakePeer silent = rig.dial();
    CHECK(eventually([&] { return rig.server.connection_count() == 2; }));
    Attentive attentive(fake);
    rig.server.stop();
    CHECK(attentive.heard() == "ServerClose ");
    CHECK(silent.hear() == "end");
    CHECK(rig.server.connection_count() == 0);
  }
}

}  // namespace
}  // namespace piecework::peer
