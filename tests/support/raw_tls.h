// The other side of a TLS connection as nobody of ours would be: without a certificate, with a bad
// one, of an old version, or out to do harm. Blocking, on OpenSSL itself.
// One thread at a time.
#pragma once

#include "common/tls_context.h"
#include "common/unique_fd.h"

struct ssl_ctx_st;
struct ssl_st;

namespace piecework {

class RawTls {
 public:
  enum class Role { kConnects, kAccepts };
  enum class Version { k12, k13 };

  // Takes over a connected socket. An empty `files.certificate`: it has none. It takes any
  // certificate of the other side. Shakes hands; whether that came to something does not matter.
  RawTls(UniqueFd socket, Role role, const TlsFiles& files, Version version = Version::k13);
  ~RawTls();
  RawTls(const RawTls&) = delete;
  RawTls& operator=(const RawTls&) = delete;

  // Asks the other side for a new key, again and again, without ever reading, until that fails.
  void ask_for_keys_for_ever();
  // Reads until the end or an error.
  void listen();

 private:
  const UniqueFd socket_;
  ssl_ctx_st* context_;
  ssl_st* ssl_;
};

}  // namespace piecework
