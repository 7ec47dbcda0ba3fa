#include "common/connection_threads.h"

#include <system_error>
#include <utility>

namespace piecework {
namespace {

// At a door where connections are brief. Few, so that who is done with one finds the next already
// waiting and neither of them sleeps; enough for the round trips that a connection takes.
constexpr std::size_t kAtBriefDoor = 16;

std::size_t threads_wanted(ConnectionThreads::Pace pace) {
  return pace == ConnectionThreads::Pace::kBrief ? kAtBriefDoor : 1;
}

}  // namespace

std::string_view ConnectionThreads::refusal(Started started) {
  switch (started) {
    case Started::kDenied: return "denied";
    case Started::kFull: return "max_connections";
    case Started::kAddressFull: return "max_connections_per_address";
    case Started::kNoThread: return "no_thread";
    case Started::kYes:
    case Started::kStopping: break;
  }
  return "stopping";
}

ConnectionThreads::ConnectionThreads(std::string thread_name, const Limits& limits)
    : limits_(limits), threads_(std::move(thread_name)) {}

ConnectionThreads::~ConnectionThreads() {
  stop();
}

ConnectionThreads::Started ConnectionThreads::start(Stream&& stream, const Endpoint& remote,
                                                    Origin origin, Handler handler) {
  const auto connection =
      std::make_shared<Connection>(std::move(stream), remote, origin == Origin::kAccepted);
  if (const Started started = admit(*connection); started != Started::kYes) {
    stream = std::move(connection->stream_);
    return started;
  }
  try {
    threads_.run([this, connection, handler = std::move(handler)] {
      handler(*connection);
      forget(*connection);
    });
    return Started::kYes;
  } catch (const std::system_error&) {
    forget(*connection);
    stream = std::move(connection->stream_);
    return Started::kNoThread;
  }
}

void ConnectionThreads::attend(const std::shared_ptr<Door>& door, Pace pace, Handler handler) {
  const auto post =
      std::make_shared<Post>(Post{.door = door, .handler = std::move(handler), .pace = pace});
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    doors_.push_back(door);
  }
  for (std::size_t i = 0; i < threads_wanted(pace); ++i) {
    if (!reinforce(post) && i == 0) {
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                              "no thread to accept connections");
    }
  }
}

bool ConnectionThreads::takes_long(Connection& connection) {
  std::shared_ptr<Post> post;
  {
    MutexLock lock(mutex_);
    post.swap(connection.post_);
    if (!post || --post->there >= threads_wanted(post->pace)) return true;
  }
  if (reinforce(post)) return true;
  MutexLock lock(mutex_);
  if (post->there > 0) return true;
  ++post->there;
  connection.post_ = std::move(post);
  return false;
}

void ConnectionThreads::first_frame_done(Connection& connection) {
  MutexLock lock(mutex_);
  set_evictable_locked(connection, false);
}

void ConnectionThreads::at_rest(Connection& connection) {
  MutexLock lock(mutex_);
  set_evictable_locked(connection, true);
}

bool ConnectionThreads::has_made_room(const Connection& connection) const {
  MutexLock lock(mutex_);
  return connection.evicted_;
}

bool ConnectionThreads::evict_one() {
  MutexLock lock(mutex_);
  return evict_locked(evictable_.first());
}

void ConnectionThreads::set_access(AccessList access, Live live) {
  MutexLock lock(mutex_);
  access_ = std::move(access);
  for (Connection* connection : live_) {
    if (access_.admits(connection->remote_.address) || connection->denied_.exchange(true)) continue;
    ++denied_count_;
    if (live == Live::kAll || connection->ticket_) connection->stream_.shutdown();
  }
}

bool ConnectionThreads::admits(const IpAddress& address) const {
  MutexLock lock(mutex_);
  return access_.admits(address);
}

void ConnectionThreads::set_limits(const Limits& limits) {
  MutexLock lock(mutex_);
  limits_ = limits;
}

std::uint64_t ConnectionThreads::denied_count() const {
  MutexLock lock(mutex_);
  return denied_count_;
}

std::size_t ConnectionThreads::count() const {
  MutexLock lock(mutex_);
  return counted_;
}

void ConnectionThreads::stop() {
  std::vector<std::weak_ptr<Door>> doors;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    doors.swap(doors_);
    for (Connection* connection : live_) connection->stream_.shutdown();
  }
  for (const auto& open : doors) {
    if (const auto door = open.lock()) door->close();
  }
  threads_.join();
}

// What a thread at a door does, until the door is closed or there are enough others.
void ConnectionThreads::stand_at(const std::shared_ptr<Post>& post) {
  while (std::optional<Arrival> arrival = post->door->next()) {
    Connection connection(std::move(arrival->stream), arrival->remote, true);
    if (const Started started = receive(post, connection); started != Started::kYes) {
      post->door->turned_away(connection.stream_, connection.remote_, started);
      continue;
    }
    post->handler(connection);
    if (!is_needed_again(*post, connection)) return;
  }
  MutexLock lock(mutex_);
  --post->there;
}

// One more thread at the door, if it can be had.
bool ConnectionThreads::reinforce(const std::shared_ptr<Post>& post) {
  {
    MutexLock lock(mutex_);
    ++post->there;
  }
  try {
    threads_.run([this, post] { stand_at(post); });
    return true;
  } catch (const std::system_error&) {
    MutexLock lock(mutex_);
    --post->there;
    return false;
  }
}

// Gives a newcomer its place, if there is one for it, and who stands at the door another companion.
ConnectionThreads::Started ConnectionThreads::receive(const std::shared_ptr<Post>& post,
                                                      Connection& connection) {
  connection.post_ = post;
  const Started started = admit(connection);
  if (started != Started::kYes || post->pace == Pace::kBrief || takes_long(connection)) {
    return started;
  }
  forget(connection);
  return Started::kNoThread;
}

// The connection is over. Does its thread go on standing at the door?
bool ConnectionThreads::is_needed_again(Post& post, Connection& connection) {
  MutexLock lock(mutex_);
  forget_locked(connection);
  if (connection.post_) return true;
  if (post.there >= threads_wanted(post.pace)) return false;
  ++post.there;
  return true;
}

ConnectionThreads::Started ConnectionThreads::admit(Connection& connection) {
  const IpAddress& address = connection.remote_.address;
  MutexLock lock(mutex_);
  if (stopping_) return Started::kStopping;
  if (!access_.admits(address)) {
    ++denied_count_;
    return Started::kDenied;
  }
  // Those evicted still have a thread until they notice; a flood must not pile them up either.
  const bool may_evict =
      !connection.accepted_ || live_.size() < limits_.total + limits_.total / 4 + 16;
  if (is_address_full_locked(address) &&
      !(may_evict && evict_locked(evictable_.first_of(address)))) {
    return Started::kAddressFull;
  }
  if (is_full_locked(connection) && !(may_evict && evict_locked(evictable_.first()))) {
    return Started::kFull;
  }
  connection.place_ = live_.insert(live_.end(), &connection);
  ++per_address_[address];
  ++counted_;
  if (connection.accepted_) ++accepted_;
  set_evictable_locked(connection, connection.accepted_);
  return Started::kYes;
}

void ConnectionThreads::forget(Connection& connection) {
  MutexLock lock(mutex_);
  forget_locked(connection);
}

void ConnectionThreads::forget_locked(Connection& connection) {
  live_.erase(connection.place_);
  set_evictable_locked(connection, false);
  if (!connection.evicted_) uncount_locked(connection);
}

bool ConnectionThreads::is_full_locked(const Connection& newcomer) const {
  if (counted_ >= limits_.total) return true;
  return newcomer.accepted_ && accepted_ + limits_.for_dialled >= limits_.total;
}

bool ConnectionThreads::is_address_full_locked(const IpAddress& address) const {
  const auto at = per_address_.find(address);
  return at != per_address_.end() && at->second >= limits_.per_address;
}

// False when there is none.
bool ConnectionThreads::evict_locked(Connection* connection) {
  if (connection == nullptr) return false;
  set_evictable_locked(*connection, false);
  connection->evicted_ = true;
  connection->stream_.shutdown();
  uncount_locked(*connection);
  return true;
}

void ConnectionThreads::set_evictable_locked(Connection& connection, bool evictable) {
  const IpAddress& address = connection.remote_.address;
  if (connection.ticket_) evictable_.remove(address, *connection.ticket_);
  connection.ticket_.reset();
  if (evictable && !connection.evicted_) connection.ticket_ = evictable_.add(address, connection);
}

void ConnectionThreads::uncount_locked(Connection& connection) {
  --counted_;
  if (connection.accepted_) --accepted_;
  const auto at = per_address_.find(connection.remote_.address);
  if (at != per_address_.end() && --at->second == 0) per_address_.erase(at);
}

}  // namespace piecework
