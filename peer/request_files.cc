#include "peer/request_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/socket.h"
#include "common/unique_fd.h"

namespace piecework::peer {
namespace {

constexpr mode_t kMode = 0644;

std::string_view suffix_of(Request request) {
  return request == Request::kRecheck ? ".recheck" : ".pause";
}

}  // namespace

std::string request_path(const std::string& state_dir, const InfoHash& info_hash, Request request) {
  return state_dir + "/" + info_hash.to_hex() + std::string(suffix_of(request));
}

std::optional<InfoHash> requested_torrent(std::string_view name) {
  for (const Request request : {Request::kRecheck, Request::kPause}) {
    if (!name.ends_with(suffix_of(request))) continue;
    name.remove_suffix(suffix_of(request).size());
    return InfoHash::parse_hex(name);
  }
  return std::nullopt;
}

bool is_requested(const std::string& state_dir, const InfoHash& info_hash, Request request) {
  struct stat status;
  return ::lstat(request_path(state_dir, info_hash, request).c_str(), &status) == 0;
}

// Whoever may write there may have put something else in its place: nothing is followed or cut off.
void place_request(const std::string& state_dir, const InfoHash& info_hash, Request request) {
  const std::string path = request_path(state_dir, info_hash, request);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  if (!UniqueFd(::open(path.c_str(), kFlags, kMode)).valid()) throw_errno("create " + path);
}

bool take_request(const std::string& state_dir, const InfoHash& info_hash, Request request) {
  const std::string path = request_path(state_dir, info_hash, request);
  if (::unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) throw_errno("remove " + path);
  return false;
}

}  // namespace piecework::peer
