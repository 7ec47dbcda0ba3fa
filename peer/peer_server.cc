#include "peer/peer_server.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "common/daemon_files.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/messages.h"
#include "common/socket.h"

namespace piecework::peer {
namespace {

constexpr int kChecksAtATime = 2;
// First frames for torrents of so many pieces are read whatever is here: that one is not here yet,
// or no longer, is no fault of the peer's.
constexpr std::uint32_t kLeastMaxPieces = 64 << 10;
constexpr std::string_view kMadeRoom = "made_room";

}  // namespace

void Traffic::add(const DownloadStatus& torrent) {
  received += torrent.received;
  wasted += torrent.wasted;
  sent += torrent.sent;
}

ConnectionThreads::Limits connection_limits(std::size_t total, std::size_t per_address) {
  return {.total = total, .per_address = per_address, .for_dialled = total / 4};
}

PeerServer::PeerServer(const Options& options)
    : directory_(options.download_dir, options.ownership),
      on_complete_(options.download_dir, options.on_complete),
      connections_("peer", options.limits),
      server_(options.listen, connections_,
              [this](ConnectionThreads::Connection& connection) { talk(connection); }),
      environment_{.directory = directory_,
                   .state_dir = options.state_dir,
                   .min_free_bytes = options.min_free_bytes,
                   .socket_buffer_bytes = options.socket_buffer_bytes,
                   .announce_address = options.announce_address,
                   .identity = {make_peer_id(), server_.listening().front().port},
                   .connections = connections_,
                   .bans = {},
                   .bandwidth = Bandwidth(options.bandwidth),
                   .check_slots = CheckSlots(kChecksAtATime),
                   .announce_pace = {},
                   .seed_limits = options.seed_limits,
                   .on_complete = on_complete_,
                   .look_at_space = [this] { space_.look_soon(); },
                   .hash_threads = std::max(1U, std::thread::hardware_concurrency()),
                   .tls = TlsCredentials(options.tls)},
      torrent_limits_(options.torrent_limits),
      space_(options.space,
             {.free_bytes = [this] { return directory_.free_bytes(); },
              .downloads = [this] { return removable(); },
              .remove = [this](const InfoHash& info_hash) { remove_for_space(info_hash); }}) {
  connections_.set_access(options.access, ConnectionThreads::Live::kNewcomers);
  // An original that is cut off without a word spins for ever; it knows no TLS.
  if (!options.tls) {
    server_.set_farewell(EncodedMessage::plain(MessageId::kServerClose).bytes());
  }
  if (options.socket_buffer_bytes > 0) server_.set_buffer_bytes(options.socket_buffer_bytes);
  if (options.state_dir.empty()) return;
  make_directories(options.state_dir);
  lock_state_dir(options.state_dir);
}

// Two nodes that write the same state would each undo what the other has noted (flock(2)).
void PeerServer::lock_state_dir(const std::string& path) {
  state_lock_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!state_lock_.valid()) throw_errno("open " + path);
  if (::flock(state_lock_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) errno = EBUSY;
  throw_errno("state_dir " + path + " is in use by another peerd");
}

PeerServer::~PeerServer() {
  stop();
}

void PeerServer::start() {
  server_.start();
  if (!environment_.state_dir.empty()) space_.start();
}

void PeerServer::begin_stop() {
  on_complete_.begin_stop();
  for (const auto& download : downloads()) download->begin_stop();
}

std::vector<DownloadStatus> PeerServer::stop() {
  server_.stop();
  begin_stop();
  space_.stop();
  for (const auto& download : downloads()) download->join();
  on_complete_.stop();
  connections_.stop();
  auto last = status();
  MutexLock lock(mutex_);
  by_name_.clear();
  entries_.clear();
  return last;
}

std::optional<std::string> PeerServer::add(Torrent torrent, const std::string& origin) {
  std::shared_ptr<Download> download;
  {
    MutexLock lock(mutex_);
    if (auto problem = why_taken_locked(torrent)) return problem;
    const auto rates = rates_for(torrent_limits_, torrent.file_name, torrent.info_hash);
    download = std::make_shared<Download>(std::move(torrent), environment_, rates);
    const InfoHash& info_hash = download->torrent().info_hash;
    entries_.emplace(info_hash, Entry{download, origin});
    by_name_.emplace(download->torrent().file_name, info_hash);
  }
  try {
    download->start();
  } catch (...) {
    MutexLock lock(mutex_);
    forget_locked(download->torrent().info_hash);
    throw;
  }
  warn_of_ambiguous_limits();
  return std::nullopt;
}

std::optional<std::string> PeerServer::why_taken_locked(const Torrent& torrent) const {
  if (const auto same = entries_.find(torrent.info_hash); same != entries_.end()) {
    return "the same torrent is there already, as " + same->second.origin;
  }
  if (const auto named = by_name_.find(torrent.file_name); named != by_name_.end()) {
    return "file_name " + torrent.file_name + " is taken already, by " +
           entries_.at(named->second).origin;
  }
  return std::nullopt;
}

// The name goes first: it is the download's. False: it is not there.
bool PeerServer::forget_locked(const InfoHash& info_hash) {
  const auto found = entries_.find(info_hash);
  if (found == entries_.end()) return false;
  by_name_.erase(found->second.download->torrent().file_name);
  entries_.erase(found);
  return true;
}

void PeerServer::remove(const std::vector<InfoHash>& info_hashes) {
  std::vector<std::shared_ptr<Download>> leaving;
  {
    MutexLock lock(mutex_);
    for (const InfoHash& info_hash : info_hashes) {
      const auto found = entries_.find(info_hash);
      if (found != entries_.end()) leaving.push_back(found->second.download);
    }
  }
  for (const auto& download : leaving) download->begin_stop();
  for (const auto& download : leaving) download->join();
  std::vector<DownloadStatus> last;
  for (const auto& download : leaving) {
    last.push_back(download->status());
    download->forget_removal();
  }
  // Only now are their names free again.
  MutexLock lock(mutex_);
  for (const DownloadStatus& torrent : last) {
    if (forget_locked(torrent.info_hash)) departed_.add(torrent);
  }
}

void PeerServer::fetch_again(const InfoHash& info_hash) {
  if (const auto download = find(info_hash)) download->fetch_again();
}

void PeerServer::remove_for_space(const InfoHash& info_hash) {
  if (const auto download = find(info_hash)) download->remove_for_space();
}

std::vector<RemovableDownload> PeerServer::removable() const {
  std::vector<RemovableDownload> all;
  for (const auto& download : downloads()) {
    if (const auto one = download->removable()) all.push_back(*one);
  }
  return all;
}

void PeerServer::look_at_requests(const InfoHash& info_hash) {
  if (const auto download = find(info_hash)) download->look_at_requests();
}

void PeerServer::look_at_all_requests() {
  for (const auto& download : downloads()) download->look_at_requests();
}

void PeerServer::reconfigure(const Settings& settings) {
  environment_.tls.replace(settings.tls);
  environment_.bandwidth.set(settings.bandwidth);
  environment_.seed_limits = settings.seed_limits;
  on_complete_.set(settings.on_complete);
  space_.set(settings.space);
  {
    MutexLock lock(mutex_);
    torrent_limits_ = settings.torrent_limits;
  }
  // First those who come, then those who are in a swarm: nobody gets from the one to the other.
  connections_.set_limits(settings.limits);
  connections_.set_access(settings.access, ConnectionThreads::Live::kNewcomers);
  // Who is added from now on has all of this already.
  for (const auto& download : downloads()) {
    const Torrent& torrent = download->torrent();
    download->set_rates(rates_for(settings.torrent_limits, torrent.file_name, torrent.info_hash));
    download->access_changed();
  }
  warn_of_ambiguous_limits();
}

// A few digits may begin several hashes. Each of these torrents is held to the limit.
void PeerServer::warn_of_ambiguous_limits() const {
  std::vector<Fields> warnings;
  {
    MutexLock lock(mutex_);
    for (const TorrentLimit& limit : torrent_limits_) {
      Fields fields{{"torrent", limit.torrent}};
      for (const auto& [info_hash, entry] : entries_) {
        if (!fits_by_hash(limit, entry.download->torrent().file_name, info_hash)) continue;
        fields.emplace_back("hash", info_hash.to_hex());
      }
      if (fields.size() > 2) warnings.push_back(std::move(fields));
    }
  }
  for (const Fields& fields : warnings) log_warn("limit.ambiguous", fields);
}

void PeerServer::tick(TimePoint now) {
  for (const auto& download : downloads()) download->tick(now);
}

std::vector<DownloadStatus> PeerServer::status() const {
  return snapshot().torrents;
}

PeerServer::Snapshot PeerServer::snapshot() const {
  std::vector<std::shared_ptr<Download>> present;
  Snapshot snapshot;
  {
    MutexLock lock(mutex_);
    for (const auto& [info_hash, entry] : entries_) present.push_back(entry.download);
    snapshot.departed = departed_;
  }
  for (const auto& download : present) snapshot.torrents.push_back(download->status());
  return snapshot;
}

void PeerServer::talk(ConnectionThreads::Connection& connection) {
  const auto refused = [&](LogLevel level, std::string_view reason, const Fields& details = {}) {
    log_refused(level, connection, reason, details);
  };
  try {
    const Deadline deadline = Clock::now() + kFirstFrameTime;
    std::optional<FirstFrame> first;
    if (environment_.tls.accept(connection.stream(), deadline)) {
      first = recv_first_frame(connection.stream(), max_pieces(), deadline);
    }
    if (!first) {
      if (!why_closed(connection).empty()) refused(LogLevel::kInfo, why_closed(connection));
      return;
    }
    connections_.first_frame_done(connection);
    const auto download = find(*first);
    const bool original = !first->greeting;
    if (download && download->accept(connection, std::move(*first))) return;
    refused(LogLevel::kInfo,
            download ? download_state_name(download->status().state) : "unknown_torrent");
    if (original) {  // one that is cut off without a word spins for ever
      connection.stream().send_all(EncodedMessage::plain(MessageId::kServerClose).bytes(),
                                   Clock::now() + kFirstFrameTime);
    }
  } catch (const ProtocolError& error) {
    refused(LogLevel::kWarn, error.reason(), error.fields());
  } catch (const TimeoutError&) {
    refused(LogLevel::kInfo, "no_first_frame");
  } catch (const std::exception& error) {
    refused(LogLevel::kInfo, error.what());
  }
}

std::string_view PeerServer::why_closed(const ConnectionThreads::Connection& connection) const {
  if (connection.is_denied()) return "denied";
  return connections_.has_made_room(connection) ? kMadeRoom : std::string_view();
}

void PeerServer::log_refused(LogLevel level, const ConnectionThreads::Connection& connection,
                             std::string_view reason, const Fields& details) const {
  Fields fields{{"peer", connection.remote().to_string()}};
  const std::string_view ours = why_closed(connection);
  fields.emplace_back("reason", ours.empty() ? reason : ours);
  // One that we have closed has not broken anything off.
  if (!ours.empty()) return log_info("peer.refused", fields);
  fields.insert(fields.end(), details.begin(), details.end());
  log_line(level, "peer.refused", fields);
}

std::uint32_t PeerServer::max_pieces() const {
  MutexLock lock(mutex_);
  std::uint32_t most = kLeastMaxPieces;
  for (const auto& [info_hash, entry] : entries_) {
    most = std::max(most, entry.download->torrent().layout.count());
  }
  return most;
}

std::shared_ptr<Download> PeerServer::find(const InfoHash& info_hash) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(info_hash);
  return found == entries_.end() ? nullptr : found->second.download;
}

std::shared_ptr<Download> PeerServer::find(const FirstFrame& first) const {
  if (first.greeting) return find(first.greeting->info_hash);
  MutexLock lock(mutex_);
  // An original does not say which torrent it means: the one whose piece count matches, if there is
  // exactly one (PROTOCOL.md section 5).
  std::shared_ptr<Download> match;
  for (const auto& [info_hash, entry] : entries_) {
    const Torrent& torrent = entry.download->torrent();
    if (torrent.form != HashForm::kOriginal || torrent.layout.count() != first.pieces.size()) {
      continue;
    }
    if (match) return nullptr;
    match = entry.download;
  }
  return match;
}

std::vector<std::shared_ptr<Download>> PeerServer::downloads() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Download>> all;
  for (const auto& [info_hash, entry] : entries_) all.push_back(entry.download);
  return all;
}

}  // namespace piecework::peer
