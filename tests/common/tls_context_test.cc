#include "common/tls_context.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <functional>
#include <string>

#include "common/errors.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

using std::chrono::hours;

// What is wrong with `files`; empty when they are taken.
std::string problem(const TlsFiles& files) {
  try {
    TlsContext::load(files);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST_SUITE("tls_context") {
  TEST_CASE("without files there is no TLS, and with all three it is known who we are") {
    CHECK(TlsContext::load({}) == nullptr);
    const TestCa ca;
    const TlsFiles files = ca.host("alpha");
    const auto context = TlsContext::load(files);
    REQUIRE(context);
    CHECK(context->subject() == "CN=alpha");
    CHECK(context->expires().size() == std::string("2027-11-22T07:36:00Z").size());
    CHECK(context->files() == files);
    const seconds left = context->expires_at().value() - seconds_since_1970();
    CHECK(left <= std::chrono::hours(1));
    CHECK(left > std::chrono::minutes(50));
  }

  TEST_CASE("files that cannot be used are named, and why") {
    const TestCa ca("one");
    const TestCa other("other");
    const TempDir directory;
    const std::string text = directory.write("text", "no PEM at all");
    const TlsFiles good = ca.host("host");
    const struct {
      const char* key;
      std::function<void(TlsFiles&)> spoil;
      std::string says;
    } kTable[] = {
        {"tls.ca", [](TlsFiles& f) { f.ca.clear(); }, "missing"},
        {"tls.certificate", [](TlsFiles& f) { f.certificate.clear(); }, "missing"},
        {"tls.key", [](TlsFiles& f) { f.key.clear(); }, "missing"},
        {"tls.ca", [](TlsFiles& f) { f.ca += ".none"; }, "No such file"},
        {"tls.certificate", [](TlsFiles& f) { f.certificate += ".none"; }, "No such file"},
        {"tls.key", [](TlsFiles& f) { f.key += ".none"; }, "No such file"},
        {"tls.ca", [&](TlsFiles& f) { f.ca = directory.path(); }, "not a regular file"},
        {"tls.key", [](TlsFiles& f) { f.key = "/dev/null"; }, "not a regular file"},
        {"tls.ca", [&](TlsFiles& f) { f.ca = text; }, "no certificate"},
        {"tls.ca", [](TlsFiles& f) { f.ca = f.key; }, "no certificate"},
        {"tls.certificate", [&](TlsFiles& f) { f.certificate = text; }, "no certificate"},
        {"tls.certificate", [](TlsFiles& f) { f.certificate = f.key; }, "no certificate"},
        {"tls.key", [&](TlsFiles& f) { f.key = text; }, "no private key"},
        {"tls.key", [](TlsFiles& f) { f.key = f.certificate; }, "no private key"},
        {"tls.key", [&](TlsFiles& f) { f.key = ca.host("another").key; }, "is not the key of"},
        {"tls.certificate", [&](TlsFiles& f) { f.ca = other.file(); }, "issuer"},
        {"tls.certificate",
         [&](TlsFiles& f) {
           f = ca.host("expired", {hours(-2), hours(-1), nullptr});
         },
         "expired"},
        {"tls.certificate",
         [&](TlsFiles& f) {
           f = ca.host("early", {hours(1), hours(2), nullptr});
         },
         "not yet valid"},
        {"tls.certificate",
         [&](TlsFiles& f) {
           f = ca.host("client", {hours(-1), hours(1), "clientAuth"});
         },
         "for one that accepts"},
        {"tls.certificate",
         [&](TlsFiles& f) {
           f = ca.host("server", {hours(-1), hours(1), "serverAuth"});
         },
         "for one that connects"},
    };
    for (const auto& row : kTable) {
      TlsFiles files = good;
      row.spoil(files);
      const std::string said = problem(files);
      CAPTURE(said);
      CHECK(said.starts_with(std::string(row.key) + ": "));
      CHECK(said.find(row.says) != std::string::npos);
    }
    CHECK(problem(good) == "");
    CHECK(problem(ca.host("both", {hours(-1), hours(1), "serverAuth,clientAuth"})) == "");
  }

  TEST_CASE("a key that others may read is noticed") {
    const TestCa ca;
    const TlsFiles files = ca.host("host");
    for (const auto& [mode, exposed] :
         {std::pair(0600U, false), {0640U, false}, {0644U, true}, {0602U, true}}) {
      REQUIRE(::chmod(files.key.c_str(), mode) == 0);
      CHECK(TlsContext::load(files)->key_is_exposed() == exposed);
    }
  }
}

}  // namespace
}  // namespace piecework
