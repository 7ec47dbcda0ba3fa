#include "common/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "common/hex.h"

namespace piecework {
namespace {

constexpr std::size_t digest_bytes(HashKind kind) {
  return kind == HashKind::kSha256 ? 32 : 20;
}

void require(bool ok, const char* call) {
  if (!ok) throw std::runtime_error(std::string(call) + " failed");
}

// Looking an algorithm up costs more than hashing a small piece, so it is done once; it stays for
// the life of the process.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* algorithm = ::EVP_MD_fetch(nullptr, name, nullptr);
  if (algorithm == nullptr) throw std::runtime_error(std::string("OpenSSL has no ") + name);
  return algorithm;
}

const EVP_MD* algorithm_of(HashKind kind) {
  static const EVP_MD* const sha256 = fetch("SHA256");
  static const EVP_MD* const sha1 = fetch("SHA1");
  return kind == HashKind::kSha256 ? sha256 : sha1;
}

}  // namespace

Digest::Digest(HashKind kind, std::span<const std::byte> raw) : kind_(kind) {
  std::copy_n(raw.begin(), digest_bytes(kind), bytes_.begin());
}

std::optional<Digest> Digest::parse_hex(std::string_view text) {
  Digest digest;
  digest.kind_ =
      text.size() == 2 * digest_bytes(HashKind::kSha1) ? HashKind::kSha1 : HashKind::kSha256;
  const std::span<std::byte> raw = std::span(digest.bytes_).first(digest_bytes(digest.kind_));
  if (!piecework::parse_hex(text, raw)) return std::nullopt;
  return digest;
}

std::span<const std::byte> Digest::raw() const {
  return std::span(bytes_).first(digest_bytes(kind_));
}

std::string Digest::to_hex() const {
  return piecework::to_hex(raw());
}

bool Digest::operator==(const Digest& other) const {
  return kind_ == other.kind_ && std::ranges::equal(raw(), other.raw());
}

struct Hasher::Context {
  explicit Context(HashKind k) : kind(k), state(::EVP_MD_CTX_new()) {
    require(state != nullptr, "EVP_MD_CTX_new");
    begin();
  }
  ~Context() { ::EVP_MD_CTX_free(state); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void begin() {
    require(::EVP_DigestInit_ex2(state, algorithm_of(kind), nullptr) == 1, "EVP_DigestInit_ex2");
  }

  const HashKind kind;
  EVP_MD_CTX* const state;
};

Hasher::Hasher(HashKind kind) : context_(std::make_unique<Context>(kind)) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::span<const std::byte> data) {
  require(::EVP_DigestUpdate(context_->state, data.data(), data.size()) == 1, "EVP_DigestUpdate");
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  require(::EVP_DigestFinal_ex(context_->state, raw.data(), nullptr) == 1, "EVP_DigestFinal_ex");
  context_->begin();
  return Digest(context_->kind, std::as_bytes(std::span(raw)));
}

Digest digest_of(HashKind kind, std::span<const std::byte> data) {
  Hasher hasher(kind);
  hasher.update(data);
  return hasher.finish();
}

}  // namespace piecework
