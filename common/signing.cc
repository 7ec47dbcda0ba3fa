#include "common/signing.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdint>
#include <new>
#include <utility>

#include "common/atomic_file.h"
#include "common/hex.h"

namespace piecework {
namespace {

constexpr std::uint64_t kMaxKeyFileBytes = 64 << 10;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using BioPtr = std::unique_ptr<BIO, Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Free>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Free>;

// For calls that only fail for want of memory.
void require(bool done) {
  if (!done) throw std::bad_alloc();
}

unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Nobody is asked for a passphrase on a terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

BioPtr reader_of(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(bio != nullptr);
  return bio;
}

void require_ed25519(const KeyPtr& key) {
  ERR_clear_error();
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519) return;
  const char* const type = EVP_PKEY_get0_type_name(key.get());
  throw KeyError("is a key of the type " + std::string(type == nullptr ? "unknown" : type) +
                 ", not Ed25519");
}

KeyPtr parse_private(std::string_view pem) {
  if (contains(pem, "ENCRYPTED")) {
    throw KeyError("is protected by a passphrase; a key without one is needed");
  }
  if (contains(pem, "-----BEGIN PUBLIC KEY-----") || VerifyKey::parse_hex(trimmed(pem))) {
    throw KeyError("is a public key; the private one is needed");
  }
  KeyPtr key(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    throw KeyError("holds no private key in PEM");
  }
  require_ed25519(key);
  return key;
}

VerifyKey public_part(EVP_PKEY* key) {
  VerifyKey::Bytes bytes;
  std::size_t length = bytes.size();
  require(EVP_PKEY_get_raw_public_key(key, raw(bytes.data()), &length) == 1);
  return VerifyKey(bytes);
}

}  // namespace

std::optional<VerifyKey> VerifyKey::parse_hex(std::string_view text) {
  VerifyKey key;
  if (!piecework::parse_hex(text, key.bytes_)) return std::nullopt;
  return key;
}

VerifyKey VerifyKey::parse_file(std::string_view content) {
  if (const auto key = parse_hex(trimmed(content))) return *key;
  if (contains(content, "PRIVATE KEY-----")) {
    throw KeyError("is a private key; the public one is needed");
  }
  const KeyPtr key(PEM_read_bio_PUBKEY(reader_of(content).get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    throw KeyError("holds no public key: neither 64 hex digits nor PEM");
  }
  require_ed25519(key);
  return public_part(key.get());
}

VerifyKey VerifyKey::parse_or_read(const std::string& text) {
  if (const auto key = parse_hex(text)) return *key;
  if (text.empty()) throw KeyError("is empty: neither 64 hex digits nor the path of a key's file");
  const std::string content = read_small_file(text, kMaxKeyFileBytes);
  try {
    return parse_file(content);
  } catch (const KeyError& error) {
    throw KeyError(text + ": " + error.what());
  }
}

std::string VerifyKey::to_hex() const {
  return piecework::to_hex(bytes_);
}

bool VerifyKey::verifies(std::span<const std::byte> message, const Signature& signature) const {
  const KeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(bytes_.data()), bytes_.size()));
  require(key != nullptr);
  const DigestContextPtr context(EVP_MD_CTX_new());
  require(context != nullptr);
  const bool right =
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), raw(signature.data()), signature.size(), raw(message.data()),
                       message.size()) == 1;
  ERR_clear_error();
  return right;
}

struct SigningKey::Key {
  KeyPtr key;
};

SigningKey::SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::generate() {
  const KeyContextPtr context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  require(context != nullptr);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_keygen_init(context.get()) != 1 || EVP_PKEY_keygen(context.get(), &key) != 1) {
    ERR_clear_error();
    throw std::runtime_error("no random numbers for a key");
  }
  return SigningKey(std::make_unique<Key>(Key{KeyPtr(key)}));
}

SigningKey SigningKey::read(const std::string& path) {
  std::string pem = read_small_file(path, kMaxKeyFileBytes);
  try {
    auto key = std::make_unique<Key>(Key{parse_private(pem)});
    OPENSSL_cleanse(pem.data(), pem.size());
    return SigningKey(std::move(key));
  } catch (const KeyError& error) {
    OPENSSL_cleanse(pem.data(), pem.size());
    throw KeyError(path + ": " + error.what());
  }
}

VerifyKey SigningKey::public_key() const {
  return public_part(key_->key.get());
}

Signature SigningKey::sign(std::span<const std::byte> message) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  Signature signature;
  std::size_t length = signature.size();
  require(context != nullptr &&
          EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->key.get()) == 1 &&
          EVP_DigestSign(context.get(), raw(signature.data()), &length, raw(message.data()),
                         message.size()) == 1);
  return signature;
}

std::string SigningKey::to_pem() const {
  const BioPtr out(BIO_new(BIO_s_mem()));
  require(out != nullptr && PEM_write_bio_PKCS8PrivateKey(out.get(), key_->key.get(), nullptr,
                                                          nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace piecework
