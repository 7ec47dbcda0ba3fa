#include "peer/peerctl_keys.h"

#include <sys/stat.h>

#include <system_error>

#include "common/errors.h"
#include "common/printable.h"
#include "common/torrent_signature.h"
#include "peer/peerctl_io.h"

namespace piecework::peer::peerctl {
namespace {

void warn_if_exposed(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IRWXO) == 0) return;
  print_note("peerctl: warning: others may read or change " + printable(path));
}

}  // namespace

std::optional<SigningKey> signing_key_of(const CommandLine& line) {
  const auto path = line.value("--sign");
  if (!path) return std::nullopt;
  if (path->empty()) throw UsageError("--sign: no file named");
  try {
    SigningKey key = SigningKey::read(*path);
    warn_if_exposed(*path);
    return key;
  } catch (const KeyError& error) {
    throw CommandError(kExitData, "--sign " + std::string(error.what()));
  } catch (const std::system_error& error) {
    throw CommandError(kExitNoInput, "--sign: " + std::string(error.what()));
  }
}

std::vector<VerifyKey> trusted_keys_of(const CommandLine& line) {
  std::vector<VerifyKey> keys;
  for (const std::string& text : line.values("--trusted-key")) {
    try {
      keys.push_back(VerifyKey::parse_or_read(text));
    } catch (const KeyError& error) {
      throw CommandError(kExitData, "--trusted-key " + std::string(error.what()));
    } catch (const std::system_error& error) {
      throw CommandError(kExitNoInput, "--trusted-key: neither 64 hex digits nor a key's file: " +
                                           std::string(error.what()));
    }
  }
  return keys;
}

Torrent load_trusted_torrent(const std::string& path, std::span<const VerifyKey> trusted) {
  Torrent torrent = load_torrent(path);
  std::string problem = signature_problem(torrent);
  if (problem.empty()) problem = trust_problem(signer_of(torrent), trusted);
  if (!problem.empty()) throw CommandError(kExitData, path + ": " + problem);
  return torrent;
}

}  // namespace piecework::peer::peerctl
