#include "common/tls_credentials.h"

#include <utility>

#include "common/log.h"

namespace piecework {

const TlsCredentials& TlsCredentials::none() {
  static const TlsCredentials value;
  return value;
}

std::shared_ptr<const TlsContext> TlsCredentials::current() const {
  MutexLock lock(mutex_);
  return context_;
}

std::optional<seconds> TlsCredentials::expires_at() const {
  const auto context = current();
  return context ? context->expires_at() : std::nullopt;
}

void TlsCredentials::replace(std::shared_ptr<const TlsContext> context) {
  MutexLock lock(mutex_);
  if ((context == nullptr) == (context_ == nullptr)) context_.swap(context);
}

void TlsCredentials::connect(Stream& stream, Deadline deadline) const {
  if (const auto context = current()) stream.connect_tls(*context, deadline);
}

bool TlsCredentials::accept(Stream& stream, Deadline deadline) const {
  const auto context = current();
  return !context || stream.accept_tls(*context, deadline);
}

void TlsCredentials::log() const {
  const auto context = current();
  if (!context) return;
  const TlsFiles& files = context->files();
  log_info("tls.loaded", {{"certificate", files.certificate},
                          {"subject", context->subject()},
                          {"expires", context->expires()}});
  if (!context->key_is_exposed()) return;
  log_warn("tls.key_exposed", {{"file", files.key}, {"reason", "others may read or change it"}});
}

void add_tls_keys(ConfigSchema& schema, TlsFiles& files) {
  schema.text("tls.ca", files.ca,
              "Certificates of the site's CA, in PEM. With these three keys every connection is\n"
              "encrypted, and only hosts with a certificate from that CA take part.");
  schema.text("tls.certificate", files.certificate, "This host's certificate from it.");
  schema.text("tls.key", files.key, "The private key of that, for this daemon alone to read.");
}

void keep_tls_on_or_off(ConfigSchema& schema, const TlsFiles& fresh, const TlsFiles& running) {
  if (fresh.any() != running.any()) schema.need_restart({"tls.ca", "tls.certificate", "tls.key"});
}

}  // namespace piecework
