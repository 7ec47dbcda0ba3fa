// The TLS that a program speaks at the moment, or that it speaks none: what a reload replaces for
// connections that begin later. Safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/config_file.h"
#include "common/mutex.h"
#include "common/stream.h"
#include "common/tls_context.h"

namespace piecework {

class TlsCredentials {
 public:
  // Null: connections stay in the clear.
  explicit TlsCredentials(std::shared_ptr<const TlsContext> context = nullptr)
      : context_(std::move(context)) {}

  // For who speaks no TLS at all.
  static const TlsCredentials& none();

  bool enabled() const EXCLUDES(mutex_) { return current() != nullptr; }

  // Null: in the clear.
  std::shared_ptr<const TlsContext> current() const EXCLUDES(mutex_);

  // When the certificate expires, since 1970; nothing when there is none, or nobody knows.
  std::optional<seconds> expires_at() const EXCLUDES(mutex_);

  // Changes nothing when that would switch TLS on or off (keep_tls_on_or_off()).
  void replace(std::shared_ptr<const TlsContext> context) EXCLUDES(mutex_);

  // Begins TLS on a stream that has just connected, or was accepted, if that is spoken; as
  // Stream::connect_tls() and accept_tls().
  void connect(Stream& stream, Deadline deadline) const EXCLUDES(mutex_);
  bool accept(Stream& stream, Deadline deadline) const EXCLUDES(mutex_);

  // Logs who we are, and for how long, if TLS is spoken; warns of a key that others may read.
  void log() const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const TlsContext> context_ GUARDED_BY(mutex_);
};

// The keys of `files`, below `tls`.
void add_tls_keys(ConfigSchema& schema, TlsFiles& files);

// Those that run with TLS and those that do not cannot talk to each other, so switching it on or
// off is left to a restart: when `fresh` would do so, marks its keys in its schema.
void keep_tls_on_or_off(ConfigSchema& schema, const TlsFiles& fresh, const TlsFiles& running);

}  // namespace piecework
