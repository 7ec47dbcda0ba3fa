#include "common/torrent_signature.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/errors.h"
#include "common/hex.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// The example of PROTOCOL.md section 3, with the key of RFC 8032 section 7.1, test 1.
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kKey =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr std::string_view kValue =
    "2864b0115fe8838943c7b2add4e976a787498069ea68b233289ca2eb1e76d422"
    "6473a74d509f24edaa833c461c1d0f9b78a89289854a057dad46232dd650ce0b";

std::string example(const std::string& signature) {
  return R"({"announce":"tracker.example","port":6666,"comment":"",
             "announce_list":[{"announce":"10.0.0.2","port":6666}],
             "info":{"piece_length":5,"file_name":"hello.txt","file_length":13,"piece_hash":[
               "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
               "20d5e13081445bd675e8bfe78345d4d97dfb5d4fd6f06499c8b2bba7c7552ed2",
               "3b6cb8ae51045d062a7c7de7cc488ad8785144cfbc0a7fc9546ed52429e0d97f"]})" +
         signature + "}";
}

std::string member(std::string_view key, std::string_view value) {
  return R"(,"signature":{"key":")" + std::string(key) + R"(","value":")" + std::string(value) +
         R"("})";
}

std::string error_of(const std::string& signature) {
  try {
    parse_torrent(example(signature));
  } catch (const TorrentError& error) {
    return error.what();
  }
  return "";
}

Torrent signed_example(const SigningKey& key) {
  Torrent torrent = parse_torrent(example(""));
  torrent.signature = sign_torrent(torrent, key);
  return torrent;
}

TEST_SUITE("torrent_signature") {
  TEST_CASE("the example of the specification is right, and is what we write") {
    const Torrent torrent = parse_torrent(example(member(kKey, kValue)));
    CHECK(signature_problem(torrent).empty());
    CHECK(signer_of(torrent)->to_hex() == kKey);
    const TempDir temp;
    const SigningKey key = SigningKey::read(temp.write("key", kPrivatePem));
    const Torrent ours = signed_example(key);
    CHECK(to_hex(ours.signature->value) == kValue);
    CHECK(signature_json(*ours.signature).dump() ==
          R"({"key":")" + std::string(kKey) + R"(","value":")" + std::string(kValue) + R"("})");
  }

  TEST_CASE("the text begins with a line of its own and lists the trackers in order") {
    const std::string text = signed_text(parse_torrent(example("")));
    CHECK(text.starts_with("piecework torrent 1\n\xce\x4d\xc4\x5d"));
    CHECK(text.size() == 20 + 32 + 35);
    CHECK(text.ends_with("\xf5tracker.example:6666\n10.0.0.2:6666\n"));
  }

  TEST_CASE("a signed torrent is read again as it was written, in each form") {
    for (const HashForm form : {HashForm::kSha256, HashForm::kSha1, HashForm::kOriginal}) {
      const SigningKey key = SigningKey::generate();
      Torrent torrent = sample_torrent(100, 10, form).torrent;
      torrent.signature = sign_torrent(torrent, key);
      const Torrent again = parse_torrent(format_torrent(torrent));
      CHECK(signature_problem(again).empty());
      CHECK(signer_of(again) == key.public_key());
    }
  }

  TEST_CASE("whatever is signed cannot be changed") {
    const SigningKey key = SigningKey::generate();
    const Torrent good = signed_example(key);
    CHECK(signature_problem(good).empty());
    std::vector<Torrent> changed(8, good);
    changed[0].trackers[1].port = 6667;
    changed[1].trackers[0].host = "tracker.exampl";
    changed[2].trackers.pop_back();
    changed[3].trackers.push_back({"10.0.0.3", 6666});
    std::swap(changed[4].trackers[0], changed[4].trackers[1]);
    changed[5].file_name = "hello.tx";
    changed[6].piece_digests[1] = changed[6].piece_digests[0];
    changed[7].layout = PieceLayout(12, 5);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      CAPTURE(i);
      changed[i].info_hash = compute_info_hash(changed[i]);
      CHECK(signature_problem(changed[i]).starts_with("signature.value: is wrong"));
    }
    Torrent remarked = good;
    remarked.comment = "which is not signed";
    CHECK(signature_problem(remarked).empty());
  }

  TEST_CASE("a signature of another key, or with a bit changed, is wrong") {
    Torrent torrent = signed_example(SigningKey::generate());
    Torrent foreign = torrent;
    foreign.signature->key = SigningKey::generate().public_key();
    CHECK_FALSE(signature_problem(foreign).empty());
    torrent.signature->value[40] ^= std::byte{8};
    CHECK_FALSE(signature_problem(torrent).empty());
  }

  TEST_CASE("what is no signature is refused with the name of the key") {
    const std::string key(kKey);
    const std::string value(kValue);
    const std::pair<std::string, std::string> cases[] = {
        {R"(,"signature":null)", "signature: must be an object"},
        {R"(,"signature":"")", "signature: must be an object"},
        {R"(,"signature":[])", "signature: must be an object"},
        {R"(,"signature":{})", "signature.key: missing"},
        {R"(,"signature":{"key":")" + key + R"("})", "signature.value: missing"},
        {R"(,"signature":{"value":")" + value + R"("})", "signature.key: missing"},
        {R"(,"signature":{"key":1,"value":2})", "signature.key: must be a string"},
        {R"(,"signature":{"key":")" + key + R"(","value":2})", "signature.value: must be a string"},
        {member("", value), "signature.key: must be 64 hexadecimal digits"},
        {member(key.substr(2), value), "signature.key: must be 64 hexadecimal digits"},
        {member(key + "00", value), "signature.key: must be 64 hexadecimal digits"},
        {member(key.substr(1) + "g", value), "signature.key: must be 64 hexadecimal digits"},
        {member(key, ""), "signature.value: must be 128 hexadecimal digits"},
        {member(key, value.substr(2)), "signature.value: must be 128 hexadecimal digits"},
        {member(key, value + "00"), "signature.value: must be 128 hexadecimal digits"},
        {member(key, value.substr(1) + "x"), "signature.value: must be 128 hexadecimal digits"},
        {member(key, value) + member(key, value), "signature"}};
    for (const auto& [signature, complaint] : cases) {
      CAPTURE(signature);
      CHECK(error_of(signature).find(complaint) != std::string::npos);
    }
    CHECK(error_of(R"(,"signature":{"key":")" + key + R"(","value":")" + value +
                   R"(","more":1})") == "");
  }

  TEST_CASE("with trusted keys only what one of them has signed is taken") {
    const VerifyKey mine = SigningKey::generate().public_key();
    const VerifyKey another = SigningKey::generate().public_key();
    const VerifyKey stranger = SigningKey::generate().public_key();
    CHECK(trust_problem(std::nullopt, {}).empty());
    CHECK(trust_problem(stranger, {}).empty());
    const std::vector<VerifyKey> trusted{mine, another};
    CHECK(trust_problem(mine, trusted).empty());
    CHECK(trust_problem(another, trusted).empty());
    CHECK(trust_problem(std::nullopt, trusted).starts_with("signature: missing"));
    CHECK(trust_problem(stranger, trusted).find(stranger.to_hex()) != std::string::npos);
  }
}

}  // namespace
}  // namespace piecework
