#include "common/tls_context.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <new>
#include <string_view>
#include <system_error>

#include "common/errors.h"
#include "common/unique_fd.h"

namespace piecework {
namespace {

constexpr int kSecurityLevel =
    2;  // no RSA key below 2048 bits, no SHA-1 (SSL_CTX_set_security_level)

[[noreturn]] void refuse(std::string_view key, const std::string& file, const std::string& what) {
  throw SettingError("tls." + std::string(key), file + ": " + what);
}

// The first of what OpenSSL has to say in this thread, which is the cause of the rest.
std::string openssl_reason(const char* otherwise) {
  const unsigned long code = ERR_peek_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? otherwise : text;
}

// Its permissions. OpenSSL's own words for a file that cannot be read do not name the reason.
mode_t require_readable(std::string_view key, const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    refuse(key, file, std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) refuse(key, file, "not a regular file");
  return status.st_mode;
}

// An encrypted key is refused rather than asked for on a terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

std::string subject_of(X509* certificate) {
  BIO* const out = BIO_new(BIO_s_mem());
  if (out == nullptr) throw std::bad_alloc();
  X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out, &text);
  std::string subject(text, static_cast<std::size_t>(length));
  BIO_free(out);
  return subject;
}

std::optional<std::tm> expiry_of(X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return std::nullopt;
  return time;
}

std::string text_of(const std::tm& time) {
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &time);
  return {text.data(), length};
}

// What a host with this CA finds wrong with the certificate in the role "ssl_client" or
// "ssl_server"; empty when it takes it.
std::string problem_as(const char* role, SSL_CTX* context) {
  X509_STORE_CTX* const check = X509_STORE_CTX_new();
  if (check == nullptr) throw std::bad_alloc();
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context, &chain);
  std::string problem;
  if (X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), SSL_CTX_get0_certificate(context),
                          chain) != 1 ||
      X509_STORE_CTX_set_default(check, role) != 1) {
    problem = openssl_reason("cannot be checked");
  } else if (X509_verify_cert(check) != 1) {
    problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(check));
  }
  X509_STORE_CTX_free(check);
  ERR_clear_error();
  return problem;
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::load(const TlsFiles& files,
                                                   std::uint64_t bytes_per_key) {
  if (!files.any()) return nullptr;
  for (const auto& [key, file] :
       {std::pair("ca", &files.ca), {"certificate", &files.certificate}, {"key", &files.key}}) {
    if (file->empty()) {
      throw SettingError("tls." + std::string(key),
                         "missing; ca, certificate and key belong together");
    }
  }
  ERR_clear_error();
  std::shared_ptr<TlsContext> context(new TlsContext(files, bytes_per_key));
  context->restrict_protocol();
  context->load_files();
  context->check_certificate();
  return context;
}

TlsContext::TlsContext(const TlsFiles& files, std::uint64_t bytes_per_key)
    : files_(files), bytes_per_key_(bytes_per_key), context_(SSL_CTX_new(TLS_method())) {
  if (context_ == nullptr) throw std::bad_alloc();
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

// One version, no resumption (each connection proves anew who it is), certificates on both sides.
void TlsContext::restrict_protocol() {
  SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context_, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(
      context_, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_security_level(context_, kSecurityLevel);
  SSL_CTX_set_options(context_, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  // A connection that has nothing to say keeps no buffers of OpenSSL's.
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_default_passwd_cb(context_, no_password);
}

void TlsContext::load_files() {
  require_readable("ca", files_.ca);
  if (SSL_CTX_load_verify_file(context_, files_.ca.c_str()) != 1) {
    refuse("ca", files_.ca, "no certificate in PEM: " + openssl_reason("unreadable"));
  }
  require_readable("certificate", files_.certificate);
  if (SSL_CTX_use_certificate_chain_file(context_, files_.certificate.c_str()) != 1) {
    refuse("certificate", files_.certificate,
           "no certificate in PEM that can be used: " + openssl_reason("unreadable"));
  }
  const mode_t mode = require_readable("key", files_.key);
  key_is_exposed_ = (mode & S_IRWXO) != 0;
  // Compares it with the certificate as well.
  if (SSL_CTX_use_PrivateKey_file(context_, files_.key.c_str(), SSL_FILETYPE_PEM) == 1) return;
  const unsigned long error = ERR_peek_error();
  const bool other =
      ERR_GET_LIB(error) == ERR_LIB_X509 && (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH ||
                                             ERR_GET_REASON(error) == X509_R_KEY_TYPE_MISMATCH);
  const std::string reason = openssl_reason("unreadable");
  refuse("key", files_.key,
         other ? "is not the key of " + files_.certificate
               : "no private key in PEM, without a password: " + reason);
}

void TlsContext::check_certificate() {
  X509* const certificate = SSL_CTX_get0_certificate(context_);
  subject_ = subject_of(certificate);
  std::optional<std::tm> expiry = expiry_of(certificate);
  expires_ = expiry ? text_of(*expiry) : "unknown";
  if (expiry) expires_at_ = seconds(::timegm(&*expiry));
  for (const auto& [role, side] :
       {std::pair("ssl_server", "accepts"), {"ssl_client", "connects"}}) {
    const std::string problem = problem_as(role, context_);
    if (problem.empty()) continue;
    refuse(
        "certificate", files_.certificate,
        "would be refused by hosts with " + files_.ca + ", for one that " + side + ": " + problem);
  }
}

}  // namespace piecework
