#include "common/torrent.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <set>
#include <system_error>

#include "common/errors.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

constexpr std::string_view kSha256Hashes =
    R"(["2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "20d5e13081445bd675e8bfe78345d4d97dfb5d4fd6f06499c8b2bba7c7552ed2",
        "3b6cb8ae51045d062a7c7de7cc488ad8785144cfbc0a7fc9546ed52429e0d97f"])";
constexpr std::string_view kSha1Hashes =
    R"(["aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "04943335A548685E91A33FD9A668599E4D71B85D",
        "77079d4cf303d4076ce1b82c18491a3245de0fd9"])";
constexpr std::string_view kOriginalHashes =
    R"(["b'\\xaa\\xf4\\xc6\\x1d\\xdc\\xc5\\xe8\\xa2\\xda\\xbe\\xde\\x0f;H,\\xd9\\xae\\xa9CM'",
        "b'\\x04\\x9435\\xa5Hh^\\x91\\xa3?\\xd9\\xa6hY\\x9eMq\\xb8]'",
        "b'w\\x07\\x9dL\\xf3\\x03\\xd4\\x07l\\xe1\\xb8,\\x18I\\x1a2E\\xde\\x0f\\xd9'"])";

constexpr std::string_view kSha256InfoHash =
    "ce4dc45d5ea05f7e12bf3c8251131b4464e45ea4bc476bbce9be61932cf10df5";
constexpr std::string_view kSha1InfoHash =
    "70f8e2fff85727df082a4bde6f5759ff14f0d51649d7e2c8365280f99339579e";

// hello.txt with everything in the words of a test; each part is JSON text.
struct Document {
  std::string announce = R"("tracker.example")";
  std::string port = "6666";
  std::string comment = R"("a comment")";
  std::string piece_length = "5";
  std::string piece_hash = std::string(kSha256Hashes);
  std::string file_name = R"("hello.txt")";
  std::string file_length = "13";
  std::string more = "";  // ", "key": value" in the outer object

  std::string text() const {
    return "{\"announce\":" + announce + ",\"port\":" + port + ",\"comment\":" + comment +
           ",\"info\":{\"piece_length\":" + piece_length + ",\"piece_hash\":" + piece_hash +
           ",\"file_name\":" + file_name + ",\"file_length\":" + file_length + "}" + more + "}";
  }
};

constexpr std::string_view kTreeFiles =
    R"([{"path":"empty","length":0},{"path":"hello.txt","length":7,"executable":false},
        {"path":"sub/run","length":6,"executable":true}])";

// The same bytes as a directory, with those files and nothing else that could be wrong.
std::string tree_text(const std::string& files,
                      const std::string& hashes = std::string(kSha256Hashes)) {
  return R"({"announce":"tracker.example","port":6666,"comment":"","info":{"piece_length":5,)"
         R"("file_name":"greeting","piece_hash":)" +
         hashes + ",\"files\":" + files + "}}";
}

std::string error_of(std::string_view text) {
  try {
    parse_torrent(text);
  } catch (const TorrentError& error) {
    return error.what();
  }
  return "";
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

TEST_SUITE("torrent") {
  TEST_CASE("each of the three forms gives the info hash of the specification") {
    const Torrent sha256 = parse_torrent(Document{}.text());
    CHECK(sha256.form == HashForm::kSha256);
    CHECK(sha256.hash_kind() == HashKind::kSha256);
    CHECK(sha256.info_hash.to_hex() == kSha256InfoHash);
    CHECK(sha256.info_hash.to_short_hex() == "ce4dc45d");
    CHECK(sha256.file_name == "hello.txt");
    CHECK(sha256.comment == "a comment");
    CHECK(sha256.layout.count() == 3);
    CHECK(sha256.layout.length(PieceIndex(2)) == 3);
    CHECK(sha256.trackers == std::vector<HostPort>{{"tracker.example", 6666}});

    const Torrent sha1 = parse_torrent(Document{.piece_hash = std::string(kSha1Hashes)}.text());
    CHECK(sha1.form == HashForm::kSha1);
    CHECK(sha1.info_hash.to_hex() == kSha1InfoHash);

    const Torrent original =
        parse_torrent(Document{.piece_hash = std::string(kOriginalHashes)}.text());
    CHECK(original.form == HashForm::kOriginal);
    CHECK(original.hash_kind() == HashKind::kSha1);
    CHECK(original.info_hash == sha1.info_hash);
    CHECK(original.piece_digests == sha1.piece_digests);
    CHECK(original.digest(PieceIndex(0)).to_hex() == "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
  }

  TEST_CASE("a written torrent is read again as the same, in each form") {
    for (const std::string_view hashes : {kSha256Hashes, kSha1Hashes, kOriginalHashes}) {
      const Torrent torrent =
          parse_torrent(Document{.comment = R"("\"\\ \u00e9 \n")",
                                 .piece_hash = std::string(hashes),
                                 .file_name = R"("n\u00e4m\u00e9 '\" .txt")",
                                 .more = R"(,"announce_list":[{"announce":"10.0.0.1","port":1},
                                                {"announce":"::1","port":65535}])"}
                            .text());
      const std::string text = format_torrent(torrent);
      const Torrent again = parse_torrent(text);
      CHECK(again.trackers == torrent.trackers);
      CHECK(again.trackers.size() == 3);
      CHECK(again.comment == torrent.comment);
      CHECK(again.file_name == torrent.file_name);
      CHECK(again.form == torrent.form);
      CHECK(again.piece_digests == torrent.piece_digests);
      CHECK(again.info_hash == torrent.info_hash);
      CHECK(text.ends_with("}\n"));
    }
  }

  TEST_CASE("an empty file has no pieces") {
    const Torrent torrent = parse_torrent(Document{.piece_hash = "[]", .file_length = "0"}.text());
    CHECK(torrent.layout.count() == 0);
    CHECK(torrent.piece_digests.empty());
    CHECK(parse_torrent(format_torrent(torrent)).info_hash == torrent.info_hash);
  }

  TEST_CASE("unknown keys are ignored") {
    CHECK(
        error_of(Document{.more = R"(,"x":{"y":[1,2.5,null]},"announce-list":3)"}.text()).empty());
  }

  TEST_CASE("bad values are refused with the name of the key") {
    const std::string hash =
        R"("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")";
    const std::string other = R"("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")";
    const std::string long_name = quoted(std::string(251, 'x'));
    const std::vector<std::pair<Document, std::string>> cases = {
        {{.announce = "3"}, "announce: must be a string"},
        {{.announce = R"("")"}, "announce: "},
        {{.announce = R"("a\nb")"}, "announce: "},
        {{.announce = R"("a\u0000")"}, "announce: "},
        {{.announce = R"("a\u007f")"}, "announce: "},
        {{.announce = R"("a\u0085")"}, "announce: "},
        {{.announce = quoted(std::string(256, 'a'))}, "announce: "},
        {{.port = "0"}, "port: must be a whole number from 1 to 65535"},
        {{.port = "65536"}, "port: "},
        {{.port = "-1"}, "port: "},
        {{.port = "80.0"}, "port: "},
        {{.port = R"("80")"}, "port: "},
        {{.port = "null"}, "port: "},
        {{.port = "18446744073709551617"}, "port: number out of range"},
        {{.comment = "[]"}, "comment: must be a string"},
        {{.piece_length = "0"}, "info.piece_length: "},
        {{.piece_length = "67108865"}, "info.piece_length: "},
        {{.piece_length = "4294967301"}, "info.piece_length: "},
        {{.piece_length = "5.0"}, "info.piece_length: "},
        {{.piece_length = "true"}, "info.piece_length: "},
        {{.piece_length = "4"}, "info.piece_hash: has 3 entries"},
        {{.piece_length = "7"}, "info.piece_hash: has 3 entries"},
        {{.file_length = "-13"}, "info.file_length: "},
        {{.file_length = "9223372036854775808"}, "info.file_length: "},
        {{.file_length = "18446744073709551629"}, "info.file_length: number out of range"},
        {{.file_length = "9223372036854775807"}, "info.piece_length: makes 1844674407370955162 "},
        {{.file_length = "5242881"}, "info.piece_length: makes 1048577 pieces, more than 1048576"},
        {{.file_length = "5242880"}, "info.piece_hash: has 3 entries, but "},
        {{.file_length = "21474836493"}, "info.piece_length: "},
        {{.file_length = "0"}, "info.piece_hash: has 3 entries, but the lengths make 0 pieces"},
        {{.piece_hash = "{}"}, "info.piece_hash: must be an array"},
        {{.piece_hash = "[]"}, "info.piece_hash: has 0 entries"},
        {{.piece_hash = "[" + hash + "," + hash + ",3]"}, "info.piece_hash[2]: must be a string"},
        {{.piece_hash = "[" + hash + ",\"\"," + hash + "]"}, "info.piece_hash[1]: must be 64"},
        {{.piece_hash = "[" + hash + "," + hash + "," + other + "]"},
         "info.piece_hash[2]: is in another form"},
        {{.piece_hash = R"(["b'\\xaa'",)" + other + "," + other + "]"}, "info.piece_hash[0]: must"},
        {{.piece_hash = R"(["b'aaaaaaaaaaaaaaaaaaaa'",)" + other + "," + other + "]"},
         "info.piece_hash[1]: is in another form"},
        {{.piece_hash = R"(["b'aaaaaaaaaaaaaaaaaaaaa'","",""])"}, "info.piece_hash[0]: must be"},
        {{.piece_hash = R"(["b'\\x41aaaaaaaaaaaaaaaaaaa'","",""])"}, "info.piece_hash[0]: must be"},
        {{.file_name = "1"}, "info.file_name: must be a string"},
        {{.file_name = R"("")"}, "info.file_name: "},
        {{.file_name = R"(".")"}, "info.file_name: "},
        {{.file_name = R"("..")"}, "info.file_name: "},
        {{.file_name = R"("../x")"}, "info.file_name: "},
        {{.file_name = R"("/etc/x")"}, "info.file_name: "},
        {{.file_name = R"("a\/b")"}, "info.file_name: "},
        {{.file_name = R"("a\u0000b")"}, "info.file_name: "},
        {{.file_name = R"("a\nb")"}, "info.file_name: "},
        {{.file_name = R"("a\u007f")"}, "info.file_name: "},
        {{.file_name = R"("a\u009fb")"}, "info.file_name: "},
        {{.file_name = R"("x.part")"}, "info.file_name: "},
        {{.file_name = long_name}, "info.file_name: must be at most 250 bytes"},
        {{.more = R"(,"announce_list":{})"}, "announce_list: must be an array"},
        {{.more = R"(,"announce_list":["x:1"])"}, "announce_list[0]: must be an object"},
        {{.more = R"(,"announce_list":[{"announce":"a"}])"}, "announce_list[0].port: missing"},
        {{.more = R"(,"announce_list":[{"announce":"","port":1}])"}, "announce_list[0].announce: "},
        {{.more = R"(,"announce_list":[{"announce":"a b","port":1}])"},
         "announce_list[0].announce: the host holds a blank"},
        {{.more = R"(,"port":6666)"}, "port: duplicate key"},
        {{.more = R"(,"comment")"}, "offset "},
        {{.more = R"(,"deep":[[[[[[[[1]]]]]]]])"}, "deep[0][0][0][0][0][0][0]: nested too deep"},
    };
    for (const auto& [document, error] : cases) {
      const std::string got = error_of(document.text());
      CHECK(!got.empty());
      CHECK(got.substr(0, error.size()) == error);
    }
  }

  TEST_CASE("a tree has the info hash of the specification, which all that it says goes into") {
    Torrent tree = parse_torrent(Document{}.text());
    const std::string single = tree.info_hash.to_hex();
    tree.file_name = "greeting";
    tree.files = {{"empty", 0}, {"hello.txt", 7}, {"sub/run", 6, true}};
    CHECK(compute_info_hash(tree).to_hex() ==
          "ec80ee0e6e622509c3bec8c74cbeaea852ebb560fe3923a690add9e1c34cd17d");
    const std::vector<std::vector<TreeFile>> others = {
        {{"hello.txt", 7}, {"sub/run", 6, true}},
        {{"empty", 0}, {"hello.txt", 7}, {"sub/run", 6}},
        {{"empty", 1}, {"hello.txt", 6}, {"sub/run", 6, true}},
        {{"empty", 0}, {"hello.tx", 7}, {"tsub/run", 6, true}},
        {{"greeting", 13}},
        {{"hello.txt", 13}},
    };
    std::set<std::string> hashes = {single, compute_info_hash(tree).to_hex()};
    for (const auto& files : others) {
      tree.files = files;
      CHECK(hashes.insert(compute_info_hash(tree).to_hex()).second);
    }
    tree.file_name = "hello.txt";
    CHECK(hashes.insert(compute_info_hash(tree).to_hex()).second);
  }

  TEST_CASE("a torrent of a tree is read, and written as it was") {
    const Torrent tree = parse_torrent(tree_text(std::string(kTreeFiles)));
    CHECK(tree.is_tree());
    CHECK(tree.file_name == "greeting");
    CHECK(tree.files ==
          std::vector<TreeFile>{{"empty", 0}, {"hello.txt", 7}, {"sub/run", 6, true}});
    CHECK(tree.layout.file_length() == 13);
    CHECK(tree.layout.count() == 3);
    CHECK(tree.info_hash.to_hex() ==
          "ec80ee0e6e622509c3bec8c74cbeaea852ebb560fe3923a690add9e1c34cd17d");
    const Torrent sha1 =
        parse_torrent(tree_text(std::string(kTreeFiles), std::string(kSha1Hashes)));
    CHECK(sha1.info_hash.to_hex() ==
          "3b5c6882a11bfb33a5a5c6a81a20e59dbdb106f04aea18511cb64ff450f2d50d");
    const Torrent again = parse_torrent(format_torrent(tree));
    CHECK(again.files == tree.files);
    CHECK(again.info_hash == tree.info_hash);
    CHECK(format_torrent(tree).find("file_length") == std::string::npos);
    CHECK_FALSE(parse_torrent(Document{}.text()).is_tree());
  }

  TEST_CASE("a bad tree is refused with the name of the key") {
    const std::string hello = R"({"path":"hello.txt","length":13})";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"{}", "info.files: must be an array"},
        {"null", "info.files: must be an array"},
        {"[]", "info.files: must not be empty"},
        {R"(["hello.txt"])", "info.files[0]: must be an object"},
        {"[" + hello + ",[]]", "info.files[1]: must be an object"},
        {R"([{"length":13}])", "info.files[0].path: missing"},
        {R"([{"path":["a"],"length":13}])", "info.files[0].path: must be a string"},
        {R"([{"path":"a"}])", "info.files[0].length: missing"},
        {R"([{"path":"a","length":-13}])", "info.files[0].length: must be a whole number"},
        {R"([{"path":"a","length":13.0}])", "info.files[0].length: must be a whole number"},
        {R"([{"path":"a","length":9223372036854775808}])", "info.files[0].length: must be a"},
        {R"([{"path":"a","length":9223372036854775807},{"path":"b","length":1}])",
         "info.files[1].length: all files together have more than 2^63 - 1 bytes"},
        {R"([{"path":"a","length":13,"executable":1}])", "info.files[0].executable: must be true"},
        {R"([{"path":"a","length":13,"executable":null}])", "info.files[0].executable: must be"},
        {R"([{"path":"a","path":"b","length":13}])", "info.files[0].path: duplicate key"},
        {R"([{"path":"","length":13}])", "info.files[0].path: must not be empty"},
        {R"([{"path":"/etc/x","length":13}])", "info.files[0].path: must not begin with a slash"},
        {R"([{"path":"../x","length":13}])", "info.files[0].path: must not hold . or .."},
        {R"([{"path":"a/../../x","length":13}])", "info.files[0].path: must not hold . or .."},
        {R"([{"path":"a\u0000b","length":13}])", "info.files[0].path: must not hold a control"},
        {R"([{"path":"a","length":0},{"path":"a","length":13}])", "info.files[1].path: is there"},
        {R"([{"path":"b","length":0},{"path":"a","length":13}])", "info.files[1].path: must come"},
        {R"([{"path":"a","length":0},{"path":"a/b","length":13}])", "info.files[1].path: is below"},
        {R"([{"path":"a","length":12}])", ""},
        {R"([{"path":"a","length":16}])", "info.piece_hash: has 3 entries, but the lengths make 4"},
        {R"([{"path":"a","length":0}])", "info.piece_hash: has 3 entries, but the lengths make 0"},
        {"[" + hello + R"(],"file_length":13)", "info.file_length: must not be beside files"},
        {"[" + hello + R"(],"file_length":null)", "info.file_length: must not be beside files"},
    };
    for (const auto& [files, error] : cases) {
      const std::string got = error_of(tree_text(files));
      CAPTURE(files);
      CHECK(got.empty() == error.empty());
      CHECK(got.substr(0, error.size()) == error);
    }
    CHECK(error_of(tree_text("[" + hello + "]", std::string(kOriginalHashes))) ==
          "info.files: must not be with hashes in the original form");
  }

  TEST_CASE("every cut of a good tree is refused") {
    const std::string text = tree_text(std::string(kTreeFiles));
    for (std::size_t length = 0; length < text.size(); ++length) {
      CHECK(!error_of(std::string_view(text).substr(0, length)).empty());
    }
  }

  TEST_CASE("the largest number of files is taken, and one more is not") {
    const auto with = [](std::size_t files) {
      std::string list;
      for (std::size_t i = 0; i < files; ++i) {
        list += (i == 0 ? "" : ",") + std::string(R"({"executable":true,"length":0,"path":")") +
                std::to_string(1'000'000 + i) + "\"}";
      }
      return tree_text("[" + list + "]", "[]");
    };
    CHECK(parse_torrent(with(kMaxTreeFiles)).files.size() == kMaxTreeFiles);
    CHECK(error_of(with(kMaxTreeFiles + 1)) == "info.files: has 131073 entries, more than 131072");
  }

  TEST_CASE("the files whose bytes the pieces are those of the tree, or the single one") {
    Torrent torrent = parse_torrent(Document{}.text());
    CHECK(file_layout(torrent).count() == 1);
    CHECK(file_layout(torrent).total() == 13);
    torrent.files = {{"empty", 0}, {"hello.txt", 7}, {"sub/run", 6, true}};
    CHECK(file_layout(torrent).count() == 3);
    CHECK(file_layout(torrent).offset(2) == 7);
    CHECK(file_layout(torrent).total() == 13);
  }

  TEST_CASE("a missing key is named") {
    const std::string text = Document{}.text();
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"announce", "announce"},
        {"port", "port"},
        {"comment", "comment"},
        {"info", "info"},
        {"piece_length", "info.piece_length"},
        {"piece_hash", "info.piece_hash"},
        {"file_name", "info.file_name"},
        {"file_length", "info.file_length"},
    };
    for (const auto& [key, path] : cases) {
      std::string changed = text;
      const std::size_t at = changed.find("\"" + key + "\"");
      REQUIRE(at != std::string::npos);
      changed.insert(at + 1, "x");
      CHECK(error_of(changed) == path + ": missing");
    }
    CHECK(error_of("[]") == "the value: must be an object");
    CHECK(error_of("") == "offset 0: The document is empty.");
    CHECK(error_of(text + std::string(1, '\0')).starts_with("offset "));
  }

  TEST_CASE("every cut of a good torrent is refused") {
    const std::string text = Document{}.text();
    for (std::size_t length = 0; length < text.size(); ++length) {
      CHECK(!error_of(std::string_view(text).substr(0, length)).empty());
    }
  }

  TEST_CASE("the largest number of pieces is taken in each form") {
    const std::vector<std::pair<std::string, HashForm>> hashes = {
        {std::string(64, 'a'), HashForm::kSha256},
        {std::string(40, 'a'), HashForm::kSha1},
        {R"(b'aaaaaaaaaaaaaaaaaaaa')", HashForm::kOriginal},
    };
    for (const auto& [hash, form] : hashes) {
      std::string list = "[" + quoted(hash);
      for (std::uint32_t i = 1; i < kMaxPieces; ++i) list += "," + quoted(hash);
      list += "]";
      const Torrent torrent = parse_torrent(
          Document{.piece_length = "1", .piece_hash = list, .file_length = "1048576"}.text());
      CHECK(torrent.layout.count() == kMaxPieces);
      CHECK(torrent.form == form);
    }
  }

  TEST_CASE("a torrent file is read whole") {
    const TempDir directory;
    const std::string path = directory.write("a.torrent", Document{}.text());
    CHECK(read_torrent(path).info_hash.to_hex() == kSha256InfoHash);
    CHECK_THROWS_AS(read_torrent(directory.file("none")), std::system_error);
    CHECK_THROWS_AS(read_torrent(directory.path()), std::system_error);
    CHECK_THROWS_AS(read_torrent(directory.write("empty", "")), TorrentError);
    const std::string fifo = directory.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_THROWS_AS(read_torrent(fifo), std::system_error);
    const std::string huge = directory.write("huge", "");
    REQUIRE(::truncate(huge.c_str(), (128 << 20) + 1) == 0);
    CHECK_THROWS_WITH_AS(read_torrent(huge), "larger than 134217728 bytes", TorrentError);
  }

  TEST_CASE("an info hash is read from exactly 64 digits and has an order") {
    const auto hash = InfoHash::parse_hex(kSha256InfoHash);
    REQUIRE(hash);
    CHECK(hash->to_hex() == kSha256InfoHash);
    CHECK(InfoHash::parse_hex(kSha1InfoHash) < hash);
    CHECK(std::hash<InfoHash>{}(*hash) ==
          std::hash<InfoHash>{}(*InfoHash::parse_hex(kSha256InfoHash)));
    CHECK(!InfoHash::parse_hex(""));
    CHECK(!InfoHash::parse_hex(kSha256InfoHash.substr(1)));
    CHECK(!InfoHash::parse_hex(std::string(64, 'g')));
    CHECK(!InfoHash::parse_hex(std::string(66, 'a')));
  }

  TEST_CASE("the chosen piece length cuts a file into one to two thousand pieces") {
    CHECK(choose_piece_length(0, false) == 64U << 10);
    CHECK(choose_piece_length(100'000'000, false) == 64U << 10);
    CHECK(choose_piece_length(std::uint64_t{1} << 30, false) == 1U << 20);
    CHECK(choose_piece_length(std::uint64_t{1} << 30, true) == 256U << 10);
    CHECK(choose_piece_length(std::uint64_t{1} << 45, false) == 16U << 20);
    for (std::uint64_t length = 70'000'000; length < 16'000'000'000; length = length * 21 / 20) {
      const std::uint32_t count = PieceLayout(length, choose_piece_length(length, false)).count();
      CHECK(count >= 1000);
      CHECK(count <= 2000);
    }
  }
}

}  // namespace
}  // namespace piecework
