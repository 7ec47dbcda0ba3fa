// A std::thread for each connection, with caps. A thread that has finished one connection is kept a
// while for the next. Owns every thread it starts and every stream handed to it; all are joined by
// stop() or the destructor.
// Safe from any thread, except that stop() must not be called from a connection's own thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/mutex.h"
#include "common/stream.h"

namespace piecework {

class ConnectionThreads {
 public:
  struct Limits {
    std::size_t total;
    std::size_t per_address;  // of one remote address, both directions
  };

  // One live connection, as its handler sees it.
  class Connection {
   public:
    Connection(Stream stream, const Endpoint& remote, bool evictable)
        : stream_(std::move(stream)), remote_(remote), evictable_(evictable) {}
    Stream& stream() { return stream_; }
    const Endpoint& remote() const { return remote_; }

   private:
    friend class ConnectionThreads;
    Stream stream_;
    const Endpoint remote_;
    bool evictable_;        // no complete first frame yet; guarded by ConnectionThreads::mutex_
    bool evicted_ = false;  // likewise; no longer counted
  };

  // Runs in the connection's own thread and returns when the connection is over, at the latest soon
  // after its stream was shut down. Must not throw.
  using Handler = std::function<void(Connection&)>;

  enum class Origin { kAccepted, kDialled };
  enum class Started { kYes, kFull, kAddressFull, kNoThread, kStopping };

  ConnectionThreads(std::string thread_name, Limits limits);
  ~ConnectionThreads();

  // Gives the connection a thread. When all places are taken, or all for its address, the accepted
  // connection (from that address) that has gone longest without a complete first frame is shut
  // down to make room; when there is none, the newcomer is refused, and its stream stays the
  // caller's.
  Started start(Stream&& stream, const Endpoint& remote, Origin origin, Handler handler)
      EXCLUDES(mutex_);

  // The connection has shown who it is: it no longer makes room for others.
  void first_frame_done(Connection& connection) EXCLUDES(mutex_);

  // Shuts down the one that has gone longest without a first frame. False when there is none.
  bool evict_one() EXCLUDES(mutex_);

  std::size_t count() const EXCLUDES(mutex_);

  // Takes no more, shuts down every stream and joins every thread. May be called again.
  void stop() EXCLUDES(mutex_);

 private:
  struct Job {
    std::shared_ptr<Connection> connection;
    Handler handler;
  };

  void run_worker(std::list<std::thread>::iterator self) EXCLUDES(mutex_);
  bool take_job(Job& job) EXCLUDES(mutex_);
  // Of those from `address`, unless that is null.
  bool evict_one_locked(const IpAddress* address) REQUIRES(mutex_);
  void uncount_locked(const Connection& connection) REQUIRES(mutex_);
  void forget_locked(const std::shared_ptr<Connection>& connection) REQUIRES(mutex_);
  void join_finished() EXCLUDES(mutex_);

  const std::string thread_name_;
  const Limits limits_;

  mutable Mutex mutex_;
  CondVar job_ready_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::size_t idle_workers_ GUARDED_BY(mutex_) = 0;
  std::list<Job> jobs_ GUARDED_BY(mutex_);
  std::list<std::thread> workers_ GUARDED_BY(mutex_);
  std::list<std::thread> finished_ GUARDED_BY(mutex_);  // about to return; to be joined
  std::vector<std::shared_ptr<Connection>> live_ GUARDED_BY(mutex_);
  std::unordered_map<IpAddress, std::size_t> per_address_ GUARDED_BY(mutex_);
  std::size_t counted_ GUARDED_BY(mutex_) = 0;  // live_ without those evicted
};

}  // namespace piecework
