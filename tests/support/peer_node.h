// A real peer without tracker and listener: one torrent's swarm over a directory of its own, and
// conversations on whatever streams a test gives it.
// PeerNode and Talk belong to one thread; the swarm is as safe as it always is.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "common/stream.h"
#include "peer/peer_connection.h"
#include "peer/swarm.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {

class PeerNode {
 public:
  enum class Fetch { kYes, kNo };

  // Holds the pieces in `held` ("101"). `sample` must outlive it.
  PeerNode(const SampleTorrent& sample, std::string_view held, const PeerId& peer_id = "node",
           Fetch fetch = Fetch::kYes);

  Swarm& swarm() { return *swarm_; }
  PieceStore& store() { return store_; }
  BanList& bans() { return bans_; }
  Bandwidth& bandwidth() { return bandwidth_; }
  TorrentBandwidth& torrent_bandwidth() { return torrent_bandwidth_; }
  const SampleTorrent& sample() const { return sample_; }
  void admit(bool yes) { admits_ = yes; }  // everybody or nobody
  // The descriptor that its file is read and written by.
  int file();
  // What its file holds now.
  std::string content() const { return directory_.read(sample_.torrent.file_name + ".part"); }
  int all_held() const { return all_held_; }              // times that event came
  int storage_failed() const { return storage_failed_; }  // likewise
  int must_tend() const { return must_tend_; }            // likewise

 private:
  const SampleTorrent& sample_;
  const TempDir directory_;
  const DownloadDir downloads_;
  PieceStore store_;
  BanList bans_;
  Bandwidth bandwidth_{{}};
  TorrentBandwidth torrent_bandwidth_{bandwidth_, {}};
  const Identity identity_;
  std::atomic<bool> admits_ = true;
  std::atomic<int> all_held_ = 0;
  std::atomic<int> storage_failed_ = 0;
  std::atomic<int> must_tend_ = 0;
  std::unique_ptr<Swarm> swarm_;
};

// One conversation of a node, in a thread of its own.
class Talk {
 public:
  enum class Side { kDialled, kAccepted };

  Talk(PeerNode& node, Stream stream, Side side,
       const Endpoint& remote = *Endpoint::parse("10.0.0.1:5555"));
  ~Talk();
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  // How it ended; waits for that, and makes an end of it when it does not come in time.
  Outcome outcome();
  // Of one that was dialled: accepted ones have it after the first frame.
  PeerConnection& connection() { return *connection_; }
  // Where the peer listens, once met; read it after outcome() or after the peer has answered.
  std::optional<Endpoint> met() const { return met_; }

 private:
  void run(PeerNode& node, Side side, const Endpoint& remote);
  void talk(PeerNode& node, Side side, const Endpoint& remote);

  Stream stream_;
  std::shared_ptr<PeerConnection> connection_;
  std::optional<Endpoint> met_;
  Outcome outcome_ = Outcome::kUnreachable;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace piecework::peer
