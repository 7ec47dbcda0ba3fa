#include "common/signing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "common/hex.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// RFC 8032 section 7.1, tests 1 and 2, and the key of the first as OpenSSL writes it.
constexpr std::string_view kKey =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr std::string_view kSignatureOfNothing =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b4"
    "6b"
    "d25bf5f0595bbe24655141438e7a100b";
constexpr std::string_view kOtherKey =
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr std::string_view kSignatureOfR =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d"
    "8c"
    "387b2eaeb4302aeeb00d291612bb0c00";
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kEncryptedPem =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n-----END ENCRYPTED PRIVATE KEY-----\n";
constexpr std::string_view kEcPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU7ROhOP+yjHRzEjd\n"
    "LwcwZ4PSQ98Z3MKIqrsl9XVzub2hRANCAAR9aTV5XGLwCGvT6sysataYQzPyodvO\n"
    "xHEpDI9+KP8ZrkZYsMxOZVe2pXIpyFIjVuNu+tR7adpcxfVeJj0XZeUY\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kEcPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfWk1eVxi8Ahr0+rMrGrWmEMz8qHb\n"
    "zsRxKQyPfij/Ga5GWLDMTmVXtqVyKchSI1bjbvrUe2naXMX1XiY9F2XlGA==\n"
    "-----END PUBLIC KEY-----\n";

VerifyKey key_of(std::string_view hex) {
  return VerifyKey::parse_hex(hex).value();
}

Signature signature_of(std::string_view hex) {
  Signature signature;
  REQUIRE(parse_hex(hex, signature));
  return signature;
}

std::string public_problem(std::string_view content) {
  try {
    VerifyKey::parse_file(content);
  } catch (const KeyError& error) {
    return error.what();
  }
  return "";
}

std::string private_problem(const TempDir& temp, std::string_view content) {
  temp.write("key", content);
  try {
    SigningKey::read(temp.file("key"));
  } catch (const KeyError& error) {
    return error.what();
  }
  return "";
}

TEST_SUITE("signing") {
  TEST_CASE("the examples of RFC 8032 are verified, and nothing near them") {
    CHECK(key_of(kKey).verifies({}, signature_of(kSignatureOfNothing)));
    CHECK(key_of(kOtherKey).verifies(bytes_of("r"), signature_of(kSignatureOfR)));
    CHECK_FALSE(key_of(kKey).verifies(bytes_of("r"), signature_of(kSignatureOfR)));
    CHECK_FALSE(key_of(kOtherKey).verifies(bytes_of("s"), signature_of(kSignatureOfR)));
    CHECK_FALSE(key_of(kOtherKey).verifies({}, signature_of(kSignatureOfR)));
    for (std::size_t i = 0; i < Signature().size(); ++i) {
      Signature bent = signature_of(kSignatureOfR);
      bent[i] ^= std::byte{1};
      CHECK_FALSE(key_of(kOtherKey).verifies(bytes_of("r"), bent));
    }
  }

  TEST_CASE("bytes that never were a key verify nothing") {
    CHECK_FALSE(key_of(std::string(64, 'f')).verifies({}, signature_of(kSignatureOfNothing)));
  }

  TEST_CASE("a key that OpenSSL has written signs as RFC 8032 says") {
    const TempDir temp;
    temp.write("key", kPrivatePem);
    const SigningKey key = SigningKey::read(temp.file("key"));
    CHECK(key.public_key().to_hex() == kKey);
    CHECK(to_hex(key.sign({})) == kSignatureOfNothing);
    CHECK(key.to_pem() == kPrivatePem);
  }

  TEST_CASE("keys made here differ, and go through their files unchanged") {
    const TempDir temp;
    const SigningKey key = SigningKey::generate();
    CHECK(key.public_key() != SigningKey::generate().public_key());
    temp.write("key", key.to_pem());
    const SigningKey again = SigningKey::read(temp.file("key"));
    CHECK(again.public_key() == key.public_key());
    CHECK(key.public_key().verifies(bytes_of("word"), again.sign(bytes_of("word"))));
  }

  TEST_CASE("a public key is 64 digits, a file with them, or one in PEM") {
    const TempDir temp;
    temp.write("line", std::string(kKey) + "\n");
    temp.write("pem", kPublicPem);
    CHECK(VerifyKey::parse_or_read(std::string(kKey)) == key_of(kKey));
    CHECK(VerifyKey::parse_or_read(temp.file("line")) == key_of(kKey));
    CHECK(VerifyKey::parse_or_read(temp.file("pem")) == key_of(kKey));
    CHECK(VerifyKey::parse_file("  " + std::string(kKey) + "\r\n\n") == key_of(kKey));
  }

  TEST_CASE("what is no public key is refused, saying why") {
    struct Case {
      std::string content;
      std::string complaint;
    };
    const std::string digits(kKey);
    const std::string pem(kPublicPem);
    const Case cases[] = {{"", "no public key"},
                          {digits.substr(1), "no public key"},
                          {digits + "0", "no public key"},
                          {digits.substr(1) + "g", "no public key"},
                          {digits + "\n" + digits, "no public key"},
                          {pem.substr(0, 60), "no public key"},
                          {pem.substr(0, 40) + "!" + pem.substr(41), "no public key"},
                          {std::string(1000, '\0'), "no public key"},
                          {std::string(kEcPublicPem), "not Ed25519"},
                          {std::string(kPrivatePem), "is a private key"},
                          {std::string(kEncryptedPem), "is a private key"}};
    for (const Case& bad : cases) {
      CAPTURE(bad.content);
      CHECK(public_problem(bad.content).find(bad.complaint) != std::string::npos);
    }
  }

  TEST_CASE("what is no private key is refused, saying why") {
    const TempDir temp;
    struct Case {
      std::string content;
      std::string complaint;
    };
    const std::string pem(kPrivatePem);
    const Case cases[] = {{"", "no private key"},
                          {pem.substr(0, 60), "no private key"},
                          {pem.substr(0, 40) + "!" + pem.substr(41), "no private key"},
                          {std::string(kEncryptedPem), "passphrase"},
                          {std::string(kPublicPem), "is a public key"},
                          {std::string(kKey) + "\n", "is a public key"},
                          {std::string(kEcPrivatePem), "not Ed25519"}};
    for (const Case& bad : cases) {
      CAPTURE(bad.content);
      const std::string problem = private_problem(temp, bad.content);
      CHECK(problem.starts_with(temp.file("key") + ": "));
      CHECK(problem.find(bad.complaint) != std::string::npos);
    }
  }

  TEST_CASE("a file that is not there, no file, or too large, is named") {
    const TempDir temp;
    temp.write("large", std::string((64 << 10) + 1, 'a'));
    for (const std::string& path : {temp.file("none"), temp.file(""), temp.file("large")}) {
      CHECK_THROWS_AS(SigningKey::read(path), std::system_error);
      CHECK_THROWS_WITH_AS(VerifyKey::parse_or_read(path), doctest::Contains(path.c_str()),
                           std::system_error);
    }
    CHECK_THROWS_AS(VerifyKey::parse_or_read(""), KeyError);
  }
}

}  // namespace
}  // namespace piecework
