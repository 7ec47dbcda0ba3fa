// The options by which subcommands of peerctl sign torrents and tell whom they trust. Stateless.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/command_line.h"
#include "common/signing.h"
#include "common/torrent.h"

namespace piecework::peer::peerctl {

// The key in the file that --sign names, if it is given; warns when others may read it. Throws
// UsageError, or CommandError: 65 when it is no key that can sign, 66 when it cannot be read.
std::optional<SigningKey> signing_key_of(const CommandLine& line);

// The keys of all --trusted-key. Throws CommandError likewise.
std::vector<VerifyKey> trusted_keys_of(const CommandLine& line);

// As load_torrent(). Throws CommandError 65 when it is wrongly signed, or when `trusted` are keys
// and none of them has signed it.
Torrent load_trusted_torrent(const std::string& path, std::span<const VerifyKey> trusted);

}  // namespace piecework::peer::peerctl
