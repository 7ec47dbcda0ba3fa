// The node: everything that all torrents of one program share. Accepts other peers on one port,
// reads from their first frame which torrent they mean, and holds the downloads. start() and stop()
// belong to the owner's thread; the rest is safe from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/connection_threads.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/tcp_server.h"
#include "common/tls_context.h"
#include "peer/completion_program.h"
#include "peer/download.h"
#include "peer/space_keeper.h"
#include "peer/torrent_limits.h"

namespace piecework::peer {

// Bytes of pieces since the start.
struct Traffic {
  std::uint64_t received = 0;  // and kept
  std::uint64_t wasted = 0;    // received and thrown away
  std::uint64_t sent = 0;

  void add(const DownloadStatus& torrent);
};

// So many connections at a time, and with one address. Those that come in cannot take the last
// quarter: it is left for peers that we dial.
ConnectionThreads::Limits connection_limits(std::size_t total, std::size_t per_address);

class PeerServer {
 public:
  // What can be changed while it runs.
  struct Settings {
    ConnectionThreads::Limits limits = connection_limits(512, 256);
    Bandwidth::Settings bandwidth;
    std::vector<TorrentLimit> torrent_limits;
    AccessList access;
    SeedLimits seed_limits;
    CompletionProgram::Settings on_complete;
    SpaceMarks space;                       // without state_dir nothing is removed
    std::shared_ptr<const TlsContext> tls;  // null: in the clear; that is for ever
  };

  struct Options : Settings {
    std::vector<Endpoint> listen;
    std::string download_dir;
    DownloadDir::Ownership ownership;
    std::string state_dir;  // empty: nothing is remembered
    std::uint64_t min_free_bytes = 0;
    int socket_buffer_bytes = 0;  // 0: the kernel's choice
    std::optional<IpAddress> announce_address;
  };

  struct Snapshot {
    std::vector<DownloadStatus> torrents;
    Traffic departed;
  };

  // Listens at once. Throws std::system_error naming the endpoint or the directory.
  explicit PeerServer(const Options& options);
  ~PeerServer();

  const std::vector<Endpoint>& listening() const { return server_.listening(); }

  void start();

  // As TcpServer.
  void ask() noexcept { server_.ask(); }
  bool answered() noexcept { return server_.answered(); }

  // Ends every download and every connection, all of them at the same time, and returns what the
  // downloads have come to. begin_stop() tells them, and does not wait.
  void begin_stop() EXCLUDES(mutex_);
  std::vector<DownloadStatus> stop() EXCLUDES(mutex_);

  // Starts `torrent`. Otherwise says why not: its name or its info_hash is taken already; `origin`,
  // the torrent file, is what a later refusal names. Throws std::system_error when there is no
  // thread for it; then it is not there.
  std::optional<std::string> add(Torrent torrent, const std::string& origin) EXCLUDES(mutex_);
  // Ends them, all at the same time; data and state stay, but one that was removed to make space
  // may come again. Passes over what is not there.
  void remove(const std::vector<InfoHash>& info_hashes) EXCLUDES(mutex_);

  // If its file was removed to make space, it is fetched again.
  void fetch_again(const InfoHash& info_hash) EXCLUDES(mutex_);
  // Those of one torrent, or of all, may have come or gone (request_files.h).
  void look_at_requests(const InfoHash& info_hash) EXCLUDES(mutex_);
  void look_at_all_requests() EXCLUDES(mutex_);

  // From now on, for the torrents that are there and those to come; belongs to the owner's thread.
  // Who is denied from now on is told to close, and has a second for it.
  void reconfigure(const Settings& settings) EXCLUDES(mutex_);
  const TlsCredentials& tls() const { return environment_.tls; }

  void tick(TimePoint now) EXCLUDES(mutex_);
  std::vector<DownloadStatus> status() const EXCLUDES(mutex_);
  // The same, and what those that are gone have moved: taken together, so that the sum never sinks.
  Snapshot snapshot() const EXCLUDES(mutex_);
  std::size_t connection_count() const { return connections_.count(); }
  std::uint64_t denied_count() const { return connections_.denied_count(); }

 private:
  struct Entry {
    std::shared_ptr<Download> download;
    std::string origin;
  };
  using Entries = std::map<InfoHash, Entry>;

  void lock_state_dir(const std::string& path);
  std::optional<std::string> why_taken_locked(const Torrent& torrent) const REQUIRES(mutex_);
  bool forget_locked(const InfoHash& info_hash) REQUIRES(mutex_);
  void talk(ConnectionThreads::Connection& connection);
  // By us, before it has said anything; empty: not by us.
  std::string_view why_closed(const ConnectionThreads::Connection& connection) const;
  void log_refused(LogLevel level, const ConnectionThreads::Connection& connection,
                   std::string_view reason, const Fields& details) const;
  std::uint32_t max_pieces() const EXCLUDES(mutex_);
  std::shared_ptr<Download> find(const InfoHash& info_hash) const EXCLUDES(mutex_);
  std::shared_ptr<Download> find(const FirstFrame& first) const EXCLUDES(mutex_);
  std::vector<RemovableDownload> removable() const EXCLUDES(mutex_);
  void remove_for_space(const InfoHash& info_hash) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Download>> downloads() const EXCLUDES(mutex_);
  void warn_of_ambiguous_limits() const EXCLUDES(mutex_);

  const DownloadDir directory_;
  UniqueFd state_lock_;
  CompletionProgram on_complete_;
  ConnectionThreads connections_;
  TcpServer server_;
  Download::Environment environment_;

  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::unordered_map<std::string_view, InfoHash> by_name_ GUARDED_BY(mutex_);  // of their file_name
  Traffic departed_ GUARDED_BY(mutex_);  // of torrents removed
  std::vector<TorrentLimit> torrent_limits_ GUARDED_BY(mutex_);

  SpaceKeeper space_;  // last: its thread uses the others
};

}  // namespace piecework::peer
