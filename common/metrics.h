// Figures for Prometheus, in its text format (0.0.4, "Exposition formats" in its documentation), as
// node_exporter's textfile collector reads them: no timestamps, each family with HELP and TYPE.
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"

namespace piecework {

class MetricsText {
 public:
  // Names match [a-zA-Z_][a-zA-Z0-9_]*. Values may be any text: they are escaped, and what is not
  // UTF-8 in them becomes U+FFFD.
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  enum class Type { kCounter, kGauge };

  // `everywhere` is on each sample: what tells two daemons of one host apart.
  explicit MetricsText(Labels everywhere);

  // Begins a family, which is new. `name` is made like those of labels, ends in its base unit
  // (`_bytes`, `_seconds`) and, for a counter, in `_total`; `help` is one line without backslashes.
  MetricsText& family(std::string_view name, Type type, std::string_view help);
  // Of the family begun last; no two of them have the same labels.
  MetricsText& sample(std::uint64_t value, const Labels& labels = {});

  // The families that both daemons begin with: PREFIX_build_info and so on.
  struct Daemon {
    std::string_view prefix;   // "piecework_peer"
    std::string_view program;  // "peerd"
    seconds started;           // since 1970
    std::uint64_t connections;
    std::uint64_t denied;
    std::optional<seconds> certificate_expiry;  // since 1970; nothing: its family is not there
  };
  void add(const Daemon& daemon);

  // All so far. Every line ends in a line feed.
  const std::string& text() const { return text_; }

 private:
  void append_label(std::string_view name, std::string_view value);

  const Labels everywhere_;
  std::string family_;
  std::string text_;
};

}  // namespace piecework
