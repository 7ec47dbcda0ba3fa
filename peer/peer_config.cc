#include "peer/peer_config.h"

#include <grp.h>

#include <limits>

#include "common/errors.h"

namespace piecework::peer {

ConfigSchema PeerConfig::schema() {
  ConfigSchema keys;
  keys.endpoints("listen", listen,
                 "Where other peers reach this one; a port of 0 picks a free one.");
  keys.path("watch_dir", watch_dir, "Torrents dropped here are fetched and seeded.");
  keys.path("download_dir", download_dir, "Where their files go, as NAME.part until complete.");
  keys.path("state_dir", state_dir, "What is remembered between two runs.");
  keys.path("status_file", status_file, "What `peerctl status` reads.");
  keys.duration("rescan_interval", rescan_interval, milliseconds(100), std::chrono::hours(24),
                "How often watch_dir is read whole, for file systems without inotify.");
  keys.number<std::size_t>("max_connections", max_connections, 1, 100000,
                           "Connections with other peers, all torrents together.");
  keys.number<std::size_t>("max_connections_per_address", max_connections_per_address, 1, 100000,
                           "Of these, with one address.");
  keys.size("socket_buffer", socket_buffer, 0, 1 << 30,
            "Bytes that the kernel may hold for each connection and direction; 0 is its own choice.");
  keys.text("announce_address", announce_address,
            "The address to tell trackers that trust this network, on hosts with several.");
  keys.size("min_free_space", min_free_space, 0, std::numeric_limits<std::int64_t>::max(),
            "Bytes to leave free in download_dir.");
  keys.duration("progress_interval", progress_interval, seconds(1), std::chrono::hours(24),
                "How often each running download is logged.");
  keys.file_mode("file_mode", file_mode, "Permissions of downloaded files, in octal.");
  keys.text("group", group, "Group of downloaded files; empty for the daemon's own.");
  keys.path("log.file", log_file, "\"-\" logs to stderr.");
  keys.log_level("log.level", log_level, "error, warn, info or debug.");
  return keys;
}

PeerServer::Options PeerConfig::server_options() const {
  PeerServer::Options options;
  options.listen = listen;
  options.download_dir = download_dir;
  options.state_dir = state_dir;
  options.min_free_bytes = min_free_space;
  options.socket_buffer_bytes = static_cast<int>(socket_buffer);
  options.limits = {max_connections, max_connections_per_address};
  options.ownership.file_mode = file_mode;
  if (!announce_address.empty()) {
    options.announce_address = IpAddress::parse(announce_address);
    if (!options.announce_address) {
      throw ConfigError("announce_address: " + announce_address + " is no IP address");
    }
  }
  if (!group.empty()) {
    const ::group* const found = ::getgrnam(group.c_str());
    if (found == nullptr) throw ConfigError("group: there is no group called " + group);
    options.ownership.group = found->gr_gid;
  }
  return options;
}

}  // namespace piecework::peer
