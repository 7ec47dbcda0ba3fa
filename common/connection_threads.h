// A std::thread for each connection, with caps. A thread that has finished one connection is kept
// for the next. Owns every stream handed to it and, by way of KeptThreads, every thread; all are
// joined by stop() or the destructor.
//
// Connections come one by one (start()), or through doors at which threads of this object stand:
// who takes a newcomer there serves it at once, without waking another thread. At each door there
// is always somebody: before a thread is occupied for long, another one takes its place. Safe from
// any thread, except that stop() must not be called from a connection's own thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/access_list.h"
#include "common/eviction_order.h"
#include "common/kept_threads.h"
#include "common/mutex.h"
#include "common/stream.h"

namespace piecework {

class ConnectionThreads {
 public:
  struct Limits {
    std::size_t total;
    std::size_t per_address;  // of one remote address, both directions
    // Of the total, those that accepted connections cannot take.
    std::size_t for_dialled = 0;
  };

 private:
  struct Post;

 public:
  class Connection;
  using Order = EvictionOrder<Connection>;

  // One live connection, as its handler sees it.
  class Connection {
   public:
    Connection(Stream stream, const Endpoint& remote, bool accepted)
        : stream_(std::move(stream)), remote_(remote), accepted_(accepted) {}
    Stream& stream() { return stream_; }
    const Endpoint& remote() const { return remote_; }
    // It was live when set_access() came to deny it.
    bool is_denied() const { return denied_; }

   private:
    friend class ConnectionThreads;
    Stream stream_;
    const Endpoint remote_;
    const bool accepted_;
    std::atomic<bool> denied_ = false;
    // Guarded by ConnectionThreads::mutex_:
    std::optional<Order::Ticket> ticket_;     // no complete first frame yet, or at rest
    bool evicted_ = false;                    // no longer counted
    std::shared_ptr<Post> post_;              // while its thread is counted there
    std::list<Connection*>::iterator place_;  // in live_
  };

  // Runs in the connection's own thread and returns when the connection is over, at the latest soon
  // after its stream was shut down. Must not throw.
  using Handler = std::function<void(Connection&)>;

  enum class Origin { kAccepted, kDialled };
  enum class Started { kYes, kDenied, kFull, kAddressFull, kNoThread, kStopping };
  // Why it was not, as one word of [a-z_] for the log: the configuration key of a cap.
  static std::string_view refusal(Started started);

  struct Arrival {
    Stream stream;
    Endpoint remote;
  };

  // Where connections arrive. All of it is called by several threads at once.
  class Door {
   public:
    virtual ~Door() = default;
    // Waits for the next one. Nothing once the door is closed. Must not throw.
    virtual std::optional<Arrival> next() = 0;
    // The newcomer from there was refused, and is about to be closed. Must not throw.
    virtual void turned_away(Stream& stream, const Endpoint& remote, Started reason) = 0;
    // Wakes all who wait in next().
    virtual void close() noexcept = 0;
  };

  // Are connections over as soon as they are served, or do they stay?
  enum class Pace { kStay, kBrief };

  ConnectionThreads(std::string thread_name, const Limits& limits);
  ~ConnectionThreads();

  // Gives the connection a thread, unless its address is denied. When all places that it may have
  // are taken, an accepted connection without a complete first frame is shut down to make room: of
  // the address with most of those the oldest one, or of the newcomer's own when all for that are
  // taken. When there is none, the newcomer is refused, and its stream stays the caller's.
  Started start(Stream&& stream, const Endpoint& remote, Origin origin, Handler handler)
      EXCLUDES(mutex_);

  // Has threads stand at `door` until it is closed, by anybody or by stop(). Places are given as by
  // start(). Throws std::system_error when there is no thread for it. With Pace::kBrief, several
  // stand there, and the handler calls takes_long() before it waits for more than an instant.
  void attend(const std::shared_ptr<Door>& door, Pace pace, Handler handler) EXCLUDES(mutex_);

  // The thread of `connection` will not be back at its door soon: another one takes its place
  // there, at the first such call. False when that was the last one there and no thread is to be
  // had: then the connection has to end.
  bool takes_long(Connection& connection) EXCLUDES(mutex_);

  // The connection has shown who it is: it no longer makes room for others.
  void first_frame_done(Connection& connection) EXCLUDES(mutex_);

  // It waits for its next frame, and does not care much when: until first_frame_done() is called
  // again it makes room for others as if it had arrived now.
  void at_rest(Connection& connection) EXCLUDES(mutex_);

  // Was it shut down to make room for another?
  bool has_made_room(const Connection& connection) const EXCLUDES(mutex_);

  // Shuts down the one that is first to make room. False when there is none.
  bool evict_one() EXCLUDES(mutex_);

  // Who may be accepted and dialled from now on. Of the live connections, those whose address it
  // denies are shut down: all of them, or only those that were accepted and have sent no complete
  // first frame; the others are then their owner's to end.
  enum class Live { kAll, kNewcomers };
  void set_access(AccessList access, Live live) EXCLUDES(mutex_);
  bool admits(const IpAddress& address) const EXCLUDES(mutex_);

  // Caps for those to come; nobody is shut down when they sink.
  void set_limits(const Limits& limits) EXCLUDES(mutex_);

  std::size_t count() const EXCLUDES(mutex_);
  // Connections refused as denied, and those that were live when set_access() came to deny them.
  std::uint64_t denied_count() const EXCLUDES(mutex_);

  // Closes the doors, takes no more, shuts down every stream and joins every thread. May be called
  // again.
  void stop() EXCLUDES(mutex_);

 private:
  // The threads of one door, which share it.
  struct Post {
    const std::shared_ptr<Door> door;
    const Handler handler;
    const Pace pace;
    std::size_t there = 0;  // waiting, or about to be back; guarded by ConnectionThreads::mutex_
  };

  void stand_at(const std::shared_ptr<Post>& post) EXCLUDES(mutex_);
  bool reinforce(const std::shared_ptr<Post>& post) EXCLUDES(mutex_);
  Started receive(const std::shared_ptr<Post>& post, Connection& connection) EXCLUDES(mutex_);
  bool is_needed_again(Post& post, Connection& connection) EXCLUDES(mutex_);
  Started admit(Connection& connection) EXCLUDES(mutex_);
  void forget(Connection& connection) EXCLUDES(mutex_);
  void forget_locked(Connection& connection) REQUIRES(mutex_);
  bool is_full_locked(const Connection& newcomer) const REQUIRES(mutex_);
  bool is_address_full_locked(const IpAddress& address) const REQUIRES(mutex_);
  bool evict_locked(Connection* connection) REQUIRES(mutex_);
  void set_evictable_locked(Connection& connection, bool evictable) REQUIRES(mutex_);
  void uncount_locked(Connection& connection) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Limits limits_ GUARDED_BY(mutex_);
  AccessList access_ GUARDED_BY(mutex_);
  std::uint64_t denied_count_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<Door>> doors_ GUARDED_BY(mutex_);
  std::list<Connection*> live_ GUARDED_BY(mutex_);
  Order evictable_ GUARDED_BY(mutex_);  // of live_, those that make room
  // Of live_, those that have not been evicted:
  std::unordered_map<IpAddress, std::size_t> per_address_ GUARDED_BY(mutex_);
  std::size_t counted_ GUARDED_BY(mutex_) = 0;
  std::size_t accepted_ GUARDED_BY(mutex_) = 0;

  KeptThreads threads_;  // last: its threads end before what they use
};

}  // namespace piecework
