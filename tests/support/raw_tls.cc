#include "tests/support/raw_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#include <stdexcept>

namespace piecework {

RawTls::RawTls(UniqueFd socket, Role role, const TlsFiles& files, Version version)
    : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_method())), ssl_(nullptr) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes by write(2)
  if (version == Version::k12) SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
  if (!files.certificate.empty() &&
      (SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    throw std::runtime_error("no such certificate");
  }
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, socket_.get());
  if (role == Role::kConnects) {
    SSL_connect(ssl_);
  } else {
    SSL_accept(ssl_);
  }
  ERR_clear_error();
}

RawTls::~RawTls() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ERR_clear_error();
}

void RawTls::ask_for_keys_for_ever() {
  while (SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl_) == 1) {
  }
  ERR_clear_error();
}

void RawTls::listen() {
  char scrap[4096];
  while (SSL_read(ssl_, scrap, sizeof scrap) > 0) {
  }
  ERR_clear_error();
}

}  // namespace piecework
