// Who signed a torrent, and whether that counts (PROTOCOL.md section 3, "Signatures").
// Pure functions; safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "common/json.h"
#include "common/signing.h"
#include "common/torrent.h"

namespace piecework {

// What is signed: info_hash and trackers of `torrent`, in a form that nothing else has.
std::string signed_text(const Torrent& torrent);

TorrentSignature sign_torrent(const Torrent& torrent, const SigningKey& key);

// Why the signature of `torrent` is not that of its key over this torrent; empty when it is, or
// when there is none.
std::string signature_problem(const Torrent& torrent);

// Why a torrent that is rightly signed with `signer`, or by nobody, is not to be taken where only
// `trusted` are; empty when it is, as always when these are none.
std::string trust_problem(const std::optional<VerifyKey>& signer,
                          std::span<const VerifyKey> trusted);

// The key of the signature, if there is one.
std::optional<VerifyKey> signer_of(const Torrent& torrent);

// The member "signature" of a torrent's JSON, if there is one. Throws JsonError.
std::optional<TorrentSignature> parse_signature(const Json& document);
Json signature_json(const TorrentSignature& signature);

}  // namespace piecework
