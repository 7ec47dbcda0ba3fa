#include "common/metrics.h"

#include <doctest/doctest.h>

namespace piecework {
namespace {

using Type = MetricsText::Type;

std::string escaped(const std::string& value) {
  const std::string text =
      MetricsText({}).family("x", Type::kGauge, "X.").sample(0, {{"l", value}}).text();
  const std::string before = "x{l=\"";
  const std::size_t at = text.find(before) + before.size();
  return text.substr(at, text.rfind("\"} 0\n") - at);
}

TEST_SUITE("metrics") {
  TEST_CASE("a family has its help, its type and its samples") {
    MetricsText metrics({});
    metrics.family("a_total", Type::kCounter, "How many.").sample(18'446'744'073'709'551'615U);
    metrics.family("b_bytes", Type::kGauge, "How much.").sample(1, {{"x", "1"}, {"y", "2"}});
    metrics.sample(0, {{"x", "2"}});
    CHECK(metrics.text() ==
          "# HELP a_total How many.\n"
          "# TYPE a_total counter\n"
          "a_total 18446744073709551615\n"
          "# HELP b_bytes How much.\n"
          "# TYPE b_bytes gauge\n"
          "b_bytes{x=\"1\",y=\"2\"} 1\n"
          "b_bytes{x=\"2\"} 0\n");
  }

  TEST_CASE("only a daemon with a certificate tells when that expires") {
    MetricsText::Daemon daemon{.prefix = "a",
                               .program = "b",
                               .started = seconds(1),
                               .connections = 2,
                               .denied = 3,
                               .certificate_expiry = {}};
    const auto text = [&] {
      MetricsText metrics(MetricsText::Labels{{"port", "5555"}});
      metrics.add(daemon);
      return metrics.text();
    };
    CHECK(text().find("certificate") == std::string::npos);
    daemon.certificate_expiry = seconds(1'800'000'000);
    CHECK(text().find("\na_certificate_expiry_timestamp_seconds{port=\"5555\"} 1800000000\n") !=
          std::string::npos);
  }

  TEST_CASE("what is true everywhere is on each sample") {
    MetricsText metrics(MetricsText::Labels{{"port", "5555"}});
    metrics.family("a", Type::kGauge, "A.").sample(1).sample(2, {{"x", "1"}});
    CHECK(metrics.text() ==
          "# HELP a A.\n# TYPE a gauge\na{port=\"5555\"} 1\na{port=\"5555\",x=\"1\"} 2\n");
  }

  TEST_CASE("a value cannot end its quotes or its line, and is UTF-8") {
    const struct {
      const char* value;
      const char* written;
    } kCases[] = {
        {"", ""},
        {"plain name.mp4", "plain name.mp4"},
        {"say \"hi\"", "say \\\"hi\\\""},
        {"C:\\n", "C:\\\\n"},
        {"one\ntwo", "one\\ntwo"},
        {"\\\"\n", "\\\\\\\"\\n"},
        {"Größe 映画 \U0001F3AC", "Größe 映画 \U0001F3AC"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xe6\x98", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe6\"", "\xef\xbf\xbd\\\""},
        {"{x=\"1\"} 5", "{x=\\\"1\\\"} 5"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.value);
      CHECK(escaped(c.value) == c.written);
    }
  }
}

}  // namespace
}  // namespace piecework
