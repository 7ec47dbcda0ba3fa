// A certificate authority of a test's own, and host certificates from it, as files in its
// directory. One thread at a time.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/tls_context.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

struct evp_pkey_st;
struct x509_st;

namespace piecework {

class TestCa {
 public:
  // What a certificate says, beside its name; times count from now.
  struct Says {
    std::chrono::seconds from = std::chrono::hours(-1);
    std::chrono::seconds to = std::chrono::hours(1);
    const char* usage = nullptr;  // of its key: "serverAuth", "clientAuth"
  };

  explicit TestCa(std::string_view name = "test CA");
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  const std::string& file() const { return file_; }  // its own certificate
  // Writes NAME.crt and NAME.key, with this CA's own certificate as that of the others.
  TlsFiles host(const std::string& name, const Says& says) const;
  TlsFiles host(const std::string& name) const { return host(name, Says()); }
  std::string pem() const { return directory_.read("ca.crt"); }
  // Another file in its directory.
  std::string write(std::string_view name, std::string_view content) const {
    return directory_.write(name, content);
  }

 private:
  const TempDir directory_;
  evp_pkey_st* key_;
  x509_st* certificate_;
  std::string file_;
};

// Of a host that everybody in the tests knows.
const TlsContext& test_tls();

// Loopback, encrypted both ways with test_tls(); `left` has connected, `right` was accepted.
StreamPair tls_stream_pair(int buffer_bytes = 0);

}  // namespace piecework
