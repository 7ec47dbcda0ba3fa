// By which files in its state_dir the running peerd is asked to act on one torrent: HASH.recheck to
// verify it again, which peerd takes away when it does; HASH.pause to hold it for as long as that
// lies there. HASH is the info_hash, 64 hex digits; what is in the files does not matter.
// Stateless functions; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/torrent.h"

namespace piecework::peer {

enum class Request { kRecheck, kPause };

std::string request_path(const std::string& state_dir, const InfoHash& info_hash, Request request);

// Which torrent a file of that name in state_dir is about; nothing when it is no request.
std::optional<InfoHash> requested_torrent(std::string_view name);

// Does it lie there, as whatever kind of file?
bool is_requested(const std::string& state_dir, const InfoHash& info_hash, Request request);

// Makes the file. That it was there already is no failure, and tells peerd once more. Throws
// std::system_error naming the path.
void place_request(const std::string& state_dir, const InfoHash& info_hash, Request request);

// Removes the file. False when there was none. Throws std::system_error naming the path.
bool take_request(const std::string& state_dir, const InfoHash& info_hash, Request request);

}  // namespace piecework::peer
