#include "common/tls_credentials.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common/errors.h"
#include "tests/support/captured_log.h"
#include "tests/support/certificates.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

// A word from left to right, after each of them has begun as its own credentials say.
std::string word_between(const TlsCredentials& left, const TlsCredentials& right) {
  StreamPair pair = tcp_stream_pair();
  std::thread accepts([&] {
    right.accept(pair.right, soon());
    pair.right.send_all(bytes_of("word"), soon());
  });
  left.connect(pair.left, soon());
  std::string word = recv_text(pair.left, 4);
  accepts.join();
  return word;
}

TEST_SUITE("tls_credentials") {
  TEST_CASE("without a context streams stay in the clear") {
    CHECK_FALSE(TlsCredentials::none().enabled());
    CHECK(word_between(TlsCredentials::none(), TlsCredentials()) == "word");
  }

  TEST_CASE("a reload replaces certificates") {
    const TestCa ca;
    TlsCredentials encrypted(TlsContext::load(ca.host("first")));
    encrypted.replace(TlsContext::load(ca.host("second")));
    encrypted.replace(nullptr);  // that is left to a restart
    CHECK(encrypted.enabled());
    TlsCredentials clear;
    clear.replace(TlsContext::load(ca.host("second")));
    CHECK_FALSE(clear.enabled());
    CHECK(word_between(encrypted, TlsCredentials(TlsContext::load(ca.host("third")))) == "word");
  }

  TEST_CASE("switching TLS on or off needs a restart, other files do not") {
    const TlsFiles none;
    const TlsFiles some{"/ca", "/certificate", "/key"};
    const TlsFiles others{"/ca", "/certificate2", "/key2"};
    const auto changes = [](TlsFiles fresh, TlsFiles running) {
      ConfigSchema running_keys;
      add_tls_keys(running_keys, running);
      ConfigSchema keys;
      add_tls_keys(keys, fresh);
      keep_tls_on_or_off(keys, fresh, running);
      return keys.changes_from(running_keys);
    };
    const std::vector<std::string> all{"tls.ca", "tls.certificate", "tls.key"};
    CHECK(changes(some, none).need_restart == all);
    CHECK(changes(none, some).need_restart == all);
    CHECK(changes(others, some).need_restart.empty());
    CHECK(changes(others, some).taken == std::vector<std::string>{"tls.certificate", "tls.key"});
  }

  TEST_CASE("the log says who we are") {
    const TestCa ca;
    CapturedLog log;
    TlsCredentials::none().log();
    CHECK(log.text() == "");
    TlsCredentials(TlsContext::load(ca.host("alpha"))).log();
    CHECK(log.text().find(" tls.loaded certificate=") != std::string::npos);
    CHECK(log.text().find("subject=\"CN=alpha\" expires=20") != std::string::npos);
  }

  TEST_CASE("connections begin while certificates are replaced") {
    const TestCa ca;
    const std::vector<std::shared_ptr<const TlsContext>> contexts{TlsContext::load(ca.host("a")),
                                                                  TlsContext::load(ca.host("b"))};
    TlsCredentials credentials(contexts.front());
    std::atomic<bool> over = false;
    std::thread reloads([&] {
      for (std::size_t i = 0; !over; ++i) credentials.replace(contexts[i % contexts.size()]);
    });
    std::vector<std::thread> pairs;
    for (int i = 0; i < 4; ++i) {
      pairs.emplace_back([&] {
        for (int round = 0; round < 5; ++round) {
          CHECK(word_between(credentials, credentials) == "word");
        }
      });
    }
    for (std::thread& thread : pairs) thread.join();
    over = true;
    reloads.join();
  }
}

}  // namespace
}  // namespace piecework
