// SHA-256 and SHA-1, by OpenSSL's EVP interface.
// A Hasher belongs to one thread at a time; digests are immutable values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace piecework {

enum class HashKind : std::uint8_t { kSha256, kSha1 };

// The raw digest: 32 bytes (SHA-256) or 20 (SHA-1).
class Digest {
 public:
  Digest() = default;
  // `raw` is exactly 32 or 20 bytes, as `kind` says.
  Digest(HashKind kind, std::span<const std::byte> raw);
  // 64 or 40 hex digits of either case; nothing when it is not that.
  static std::optional<Digest> parse_hex(std::string_view text);

  HashKind kind() const { return kind_; }
  std::span<const std::byte> raw() const;
  std::string to_hex() const;  // lower case
  bool operator==(const Digest& other) const;

 private:
  std::array<std::byte, 32> bytes_{};
  HashKind kind_ = HashKind::kSha256;
};

class Hasher {
 public:
  explicit Hasher(HashKind kind);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::span<const std::byte> data);
  // The digest of all updates since construction or the last finish(); ready for the next one.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of one buffer.
Digest digest_of(HashKind kind, std::span<const std::byte> data);

}  // namespace piecework
