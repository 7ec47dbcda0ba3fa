#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <exception>
#include <stdexcept>
#include <thread>

#include "tests/support/eventually.h"

namespace piecework {
namespace {

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL makes no certificate");
}

template <typename Write>
std::string pem(Write write) {
  BIO* const out = BIO_new(BIO_s_mem());
  require(out != nullptr && write(out) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out, &text);
  std::string copy(text, static_cast<std::size_t>(length));
  BIO_free(out);
  return copy;
}

std::string pem_of(X509* certificate) {
  return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return pem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void extend(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(std::string_view name, EVP_PKEY* key, const TestCa::Says& says) {
  static long serial = 0;
  X509* const certificate = X509_new();
  require(certificate != nullptr && X509_set_version(certificate, 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), static_cast<long>(says.from.count()));
  X509_gmtime_adj(X509_getm_notAfter(certificate), static_cast<long>(says.to.count()));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  require(X509_set_pubkey(certificate, key) == 1);
  return certificate;
}

}  // namespace

TestCa::TestCa(std::string_view name)
    : key_(EVP_EC_gen("P-256")), certificate_(make_certificate(name, key_, Says())) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  extend(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate_, key_, EVP_sha256()) > 0);
  file_ = directory_.write("ca.crt", pem_of(certificate_));
}

TestCa::~TestCa() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

TlsFiles TestCa::host(const std::string& name, const Says& says) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = make_certificate(name, key, says);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  if (says.usage != nullptr) extend(certificate, certificate_, NID_ext_key_usage, says.usage);
  require(X509_sign(certificate, key_, EVP_sha256()) > 0);
  TlsFiles files{.ca = file_,
                 .certificate = directory_.write(name + ".crt", pem_of(certificate)),
                 .key = directory_.write(name + ".key", pem_of(key))};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

const TlsContext& test_tls() {
  static const TestCa ca;
  static const auto context = TlsContext::load(ca.host("host"));
  return *context;
}

StreamPair tls_stream_pair(int buffer_bytes) {
  StreamPair pair = tcp_stream_pair(buffer_bytes);
  std::exception_ptr problem;
  std::thread accepts([&] {
    try {
      pair.right.accept_tls(test_tls(), soon());
    } catch (...) {
      problem = std::current_exception();
    }
  });
  pair.left.connect_tls(test_tls(), soon());
  accepts.join();
  if (problem) std::rethrow_exception(problem);
  return pair;
}

}  // namespace piecework
