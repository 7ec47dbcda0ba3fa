// Ed25519 signatures (RFC 8032), by OpenSSL, and the files of their keys.
// Immutable values; safe from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace piecework {

// A file that holds no key that can be used, or other text that is none. what() says why.
class KeyError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Signature = std::array<std::byte, 64>;  // RFC 8032 section 5.1.6

// Whom to believe.
class VerifyKey {
 public:
  using Bytes = std::array<std::byte, 32>;  // RFC 8032 section 5.1.5

  VerifyKey() = default;
  explicit VerifyKey(const Bytes& bytes) : bytes_(bytes) {}

  // Exactly 64 hex digits of either case.
  static std::optional<VerifyKey> parse_hex(std::string_view text);

  // The content of a key's file: 64 hex digits on a line of their own, as `peerctl keygen` writes
  // it, or PEM, as `openssl pkey -pubout` does. Throws KeyError.
  static VerifyKey parse_file(std::string_view content);

  // As operators write it: 64 hex digits, or else the path of such a file, relative ones from the
  // working directory. Throws KeyError, naming the path if it is one, or std::system_error.
  static VerifyKey parse_or_read(const std::string& text);

  std::string to_hex() const;  // 64 digits, lower case
  bool verifies(std::span<const std::byte> message, const Signature& signature) const;
  auto operator<=>(const VerifyKey&) const = default;

 private:
  Bytes bytes_{};
};

// Who signs.
class SigningKey {
 public:
  static SigningKey generate();

  // The private key in PEM at `path`, as `openssl genpkey -algorithm ed25519` writes it. Throws
  // KeyError naming the path, also when a passphrase protects it, or std::system_error.
  static SigningKey read(const std::string& path);

  ~SigningKey();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;

  VerifyKey public_key() const;
  Signature sign(std::span<const std::byte> message) const;
  std::string to_pem() const;  // PKCS#8, without a passphrase

 private:
  struct Key;
  explicit SigningKey(std::unique_ptr<Key> key);

  std::unique_ptr<Key> key_;
};

}  // namespace piecework
