// The few kinds of failure that are thrown. Besides these, std::system_error says that the
// operating system refused, with the call and the endpoint or path in its message. Immutable
// values; safe from any thread.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "common/fields.h"

namespace piecework {

// The reason of a ProtocolError when the stream ended inside a frame.
inline constexpr std::string_view kTruncated = "truncated";

// The other side broke the protocol, or ended it in the middle. The connection is over: its framing
// is lost. what() is "reason key=value …".
class ProtocolError : public std::runtime_error {
 public:
  // `reason` is one word of [a-z_], as operators grep for it: "frame_too_large".
  explicit ProtocolError(std::string_view reason, Fields fields = {})
      : std::runtime_error(std::string(reason) + (fields.empty() ? "" : " ") +
                           format_fields(fields)),
        reason_(reason),
        fields_(std::move(fields)) {}

  const std::string& reason() const { return reason_; }
  const Fields& fields() const { return fields_; }

 private:
  std::string reason_;
  Fields fields_;
};

// A deadline passed while waiting for the other side. what() says what was waited for.
class TimeoutError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A torrent file that cannot be taken. what() names the key, or the offset of a syntax error.
class TorrentError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A configuration that cannot be taken. what() is "FILE:LINE:COL: key: what is wrong".
class ConfigError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A setting that whoever works with it cannot take, and who does not know where it was made; where
// the configuration is checked this becomes a ConfigError with its place. what() is
// "key: what is wrong".
class SettingError : public ConfigError {
 public:
  SettingError(std::string_view key, const std::string& problem)
      : ConfigError(std::string(key) + ": " + problem), key_(key), problem_(problem) {}

  const std::string& key() const { return key_; }
  const std::string& problem() const { return problem_; }

 private:
  std::string key_;
  std::string problem_;
};

// A command line that cannot be taken. what() says which word and why.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace piecework
