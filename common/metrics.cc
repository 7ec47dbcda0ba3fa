#include "common/metrics.h"

#include <algorithm>

#include "common/utf8.h"
#include "common/version.h"

namespace piecework {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

void append_escaped(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const std::size_t length = utf8_prefix(value);
    switch (value.front()) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      default: out += length == 0 ? kReplacement : value.substr(0, length);
    }
    value.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

}  // namespace

MetricsText::MetricsText(Labels everywhere) : everywhere_(std::move(everywhere)) {}

MetricsText& MetricsText::family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  text_ += "# HELP " + family_ + " " + std::string(help) + "\n";
  text_ += "# TYPE " + family_ + (type == Type::kCounter ? " counter\n" : " gauge\n");
  return *this;
}

MetricsText& MetricsText::sample(std::uint64_t value, const Labels& labels) {
  text_ += family_;
  const std::size_t bare = text_.size();
  for (const auto& [name, text] : everywhere_) append_label(name, text);
  for (const auto& [name, text] : labels) append_label(name, text);
  if (text_.size() > bare) {
    text_[bare] = '{';
    text_ += '}';
  }
  text_ += " " + std::to_string(value) + "\n";
  return *this;
}

void MetricsText::add(const Daemon& daemon) {
  const std::string prefix(daemon.prefix);
  family(prefix + "_build_info", Type::kGauge, "1; which " + std::string(daemon.program) + " runs.")
      .sample(1, {{"version", std::string(kVersion)}});
  family(prefix + "_start_time_seconds", Type::kGauge,
         "When it was started, in seconds since 1970.")
      .sample(static_cast<std::uint64_t>(daemon.started.count()));
  family(prefix + "_connections", Type::kGauge, "Connections now.").sample(daemon.connections);
  family(prefix + "_denied_total", Type::kCounter,
         "Connections refused or closed because of allow and deny.")
      .sample(daemon.denied);
  if (!daemon.certificate_expiry) return;
  family(prefix + "_certificate_expiry_timestamp_seconds", Type::kGauge,
         "When the certificate of this host expires, in seconds since 1970.")
      .sample(static_cast<std::uint64_t>(daemon.certificate_expiry->count()));
}

void MetricsText::append_label(std::string_view name, std::string_view value) {
  text_ += ',';
  text_ += name;
  text_ += "=\"";
  append_escaped(text_, value);
  text_ += '"';
}

}  // namespace piecework
