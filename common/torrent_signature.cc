#include "common/torrent_signature.h"

#include <algorithm>
#include <string_view>

#include "common/hex.h"

namespace piecework {
namespace {

constexpr std::string_view kPrefix = "piecework torrent 1\n";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void require_hex(const Json& json, std::string_view key, std::span<std::byte> out) {
  if (parse_hex(json.require_string(key), out)) return;
  throw JsonError(std::string(key) + ": must be " + std::to_string(2 * out.size()) +
                  " hexadecimal digits");
}

}  // namespace

// A host holds no line feed and a port no colon, so that no two torrents have one text.
std::string signed_text(const Torrent& torrent) {
  std::string text(kPrefix);
  const auto& hash = torrent.info_hash.bytes();
  text.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  for (const HostPort& tracker : torrent.trackers) {
    text += tracker.host + ":" + std::to_string(tracker.port) + "\n";
  }
  return text;
}

TorrentSignature sign_torrent(const Torrent& torrent, const SigningKey& key) {
  return {key.public_key(), key.sign(bytes_of(signed_text(torrent)))};
}

std::string signature_problem(const Torrent& torrent) {
  if (!torrent.signature) return "";
  const auto& [key, value] = *torrent.signature;
  if (key.verifies(bytes_of(signed_text(torrent)), value)) return "";
  return "signature.value: is wrong; the torrent was changed after it was signed, or signed with "
         "another key";
}

std::string trust_problem(const std::optional<VerifyKey>& signer,
                          std::span<const VerifyKey> trusted) {
  if (trusted.empty()) return "";
  if (!signer) return "signature: missing; only what is signed with a trusted key is taken";
  if (std::ranges::find(trusted, *signer) != trusted.end()) return "";
  return "signature.key: " + signer->to_hex() + " is not one of those that are trusted";
}

std::optional<VerifyKey> signer_of(const Torrent& torrent) {
  if (!torrent.signature) return std::nullopt;
  return torrent.signature->key;
}

std::optional<TorrentSignature> parse_signature(const Json& document) {
  if (document.find("signature") == nullptr) return std::nullopt;
  const Json& json = document.require_object("signature");
  TorrentSignature signature;
  VerifyKey::Bytes key;
  try {
    require_hex(json, "key", key);
    require_hex(json, "value", signature.value);
  } catch (const JsonError& error) {
    throw JsonError(std::string("signature.") + error.what());
  }
  signature.key = VerifyKey(key);
  return signature;
}

Json signature_json(const TorrentSignature& signature) {
  Json json;
  json.add("key", signature.key.to_hex()).add("value", to_hex(signature.value));
  return json;
}

}  // namespace piecework
