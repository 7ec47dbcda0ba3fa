// Who this host is in TLS, and whom it takes for one of its own: a certificate with its key, and
// the site's CA. Read once from files; immutable, and safe from any thread. The only way from here
// to a connection is tls_session.h.
//
// Membership is all that is checked: a certificate counts when a chain leads from it to one of the
// CA's, every one of these is valid now, and what it may be used for (extended key usage, where it
// says) includes its side of the connection. No name in it is compared with anything, since peers
// know each other by address only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/clock.h"

struct ssl_ctx_st;  // SSL_CTX, as <openssl/ssl.h> has it

namespace piecework {

// Paths of PEM files: all of them, or none for connections in the clear.
struct TlsFiles {
  std::string ca;           // one or more certificates
  std::string certificate;  // the host's own, and those between it and the CA's
  std::string key;          // the host's, not encrypted

  bool any() const { return !ca.empty() || !certificate.empty() || !key.empty(); }
  bool operator==(const TlsFiles&) const = default;
};

class TlsContext {
 public:
  // So many bytes are sent under one key of AES-GCM before it is replaced: a sixth of what RFC 8446
  // section 5.5 allows (2^24.5 records of 16 KiB).
  static constexpr std::uint64_t kBytesPerKey = std::uint64_t{64} << 30;

  // Reads and checks them, with the eyes of those we will meet: the certificate has to be one that
  // a host with the same CA would take. Nothing when no file is named. Throws SettingError
  // "tls.certificate: FILE: what is wrong".
  static std::shared_ptr<const TlsContext> load(const TlsFiles& files,
                                                std::uint64_t bytes_per_key = kBytesPerKey);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const TlsFiles& files() const { return files_; }
  const std::string& subject() const { return subject_; }  // of the certificate: "CN=host1"
  // "2027-11-22T07:36:00Z", or "unknown" when OpenSSL cannot tell.
  const std::string& expires() const { return expires_; }
  std::optional<seconds> expires_at() const { return expires_at_; }  // the same, since 1970
  // May others than the key's owner and group read or change it?
  bool key_is_exposed() const { return key_is_exposed_; }
  std::uint64_t bytes_per_key() const { return bytes_per_key_; }

  ssl_ctx_st* native() const { return context_; }

 private:
  TlsContext(const TlsFiles& files, std::uint64_t bytes_per_key);

  void restrict_protocol();
  void load_files();
  void check_certificate();

  const TlsFiles files_;
  const std::uint64_t bytes_per_key_;
  ssl_ctx_st* context_;
  std::string subject_;
  std::string expires_;
  std::optional<seconds> expires_at_;
  bool key_is_exposed_ = false;
};

}  // namespace piecework
