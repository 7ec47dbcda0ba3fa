#include "common/config_file.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "common/errors.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

struct Share {
  std::string who;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
};

ConfigSchema share_keys(Share& share) {
  ConfigSchema keys;
  keys.path("who", share.who, "");
  keys.size("up", share.up, 0, 1 << 30, "");
  keys.size("down", share.down, 0, 1 << 30, "");
  return keys;
}

struct Settings {
  std::vector<Endpoint> listen{*Endpoint::parse("0.0.0.0:6666")};
  std::vector<Network> trusted;
  std::vector<Share> shares;
  milliseconds interval = seconds(60);
  std::uint64_t limit = 0;
  std::uint32_t most = 4096;
  std::uint16_t small = 7;
  std::uint32_t share = 1500;
  std::string directory = "/var/lib/x";
  std::string note;
  bool seed = true;
  unsigned mode = 0644;
  std::vector<std::string> command;
  std::vector<ConfiguredKey> keys;
  std::string log_path = "-";
  LogLevel log_level = LogLevel::kInfo;
};

ConfigSchema schema_of(Settings& s) {
  ConfigSchema schema;
  schema.endpoints("listen", s.listen, "Where to listen.");
  schema.networks("trusted", s.trusted, "Whom to believe.");
  schema.records("shares", s.shares, share_keys, "Who has how much.");
  schema.duration("interval", s.interval, seconds(1), std::chrono::hours(24), "How often.");
  schema.size("limit", s.limit, 0, std::uint64_t{1} << 40, "Bytes a second.\n0 is no limit.");
  schema.number("most", s.most, 1U, 100'000U, "How many.");
  schema.number<std::uint16_t>("small", s.small, 0, 65535, "");
  schema.thousandths("share", s.share, 10'000'000, "How much.");
  schema.path("directory", s.directory, "Where.");
  schema.text("note", s.note, "What.");
  schema.flag("seed", s.seed, "Whether.");
  schema.file_mode("mode", s.mode, "Who.");
  schema.command("command", s.command, "What to run.");
  schema.verify_keys("keys", s.keys, "Whose word counts.");
  schema.path("log.file", s.log_path, "The log.");
  schema.log_level("log.level", s.log_level, "How much.");
  return schema;
}

// What loading `yaml` fails with; empty when it does not.
std::string error_of(std::string_view yaml) {
  Settings settings;
  try {
    schema_of(settings).load_text(yaml, "f.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string override_error_of(std::string_view assignment) {
  Settings settings;
  try {
    schema_of(settings).apply_override(assignment);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_SUITE("config_file") {
  TEST_CASE("every type of setting is read") {
    Settings s;
    schema_of(s).load_text(R"(
listen: ["127.0.0.1:1", '[::1]:2']   # a comment
trusted:
  - 10.0.0.0/8
  - fd00::/8
shares:
  - {who: a b.mp4, up: 2MiB}
  - who: "x, y"
    down: 0
    up: 1
interval: 1500ms
limit: 2MiB
most: 100000
small: 0
share: 0.25
directory: /a b/c
note: "say \"hi\""
seed: false
mode: 0600
command: [/bin/echo, "a b", '--x="y"', "007"]
log: {file: /tmp/x.log, level: debug}
)",
                           "f.yaml");
    REQUIRE(s.listen.size() == 2);
    CHECK(s.listen[1].to_string() == "[::1]:2");
    REQUIRE(s.trusted.size() == 2);
    CHECK(s.trusted[1].to_string() == "fd00::/8");
    REQUIRE(s.shares.size() == 2);
    CHECK(s.shares[0].who == "a b.mp4");
    CHECK(s.shares[0].up == 2 << 20);
    CHECK(s.shares[0].down == 0);
    CHECK(s.shares[1].who == "x, y");
    CHECK(s.shares[1].up == 1);
    CHECK(s.interval == milliseconds(1500));
    CHECK(s.limit == 2 << 20);
    CHECK(s.most == 100'000);
    CHECK(s.small == 0);
    CHECK(s.share == 250);
    CHECK(s.directory == "/a b/c");
    CHECK(s.note == "say \"hi\"");
    CHECK_FALSE(s.seed);
    CHECK(s.mode == 0600);
    CHECK(s.command == std::vector<std::string>{"/bin/echo", "a b", "--x=\"y\"", "007"});
    CHECK(s.log_path == "/tmp/x.log");
    CHECK(s.log_level == LogLevel::kDebug);
  }

  TEST_CASE("what a file does not say keeps its default, and an empty file says nothing") {
    for (const char* yaml : {"", "# only a comment\n", "---\n", "{}", "log:\n  # level: debug\n"}) {
      CAPTURE(yaml);
      CHECK(error_of(yaml).empty());
    }
    Settings s;
    ConfigSchema schema = schema_of(s);
    schema.load_text("log: {level: warn}", "f.yaml");
    CHECK(s.log_path == "-");
    CHECK(s.most == 4096);
    CHECK(schema.is_set("log.level"));
    CHECK_FALSE(schema.is_set("log.file"));
  }

  TEST_CASE("what only the daemon can tell of a value is refused where that was set") {
    Settings s;
    ConfigSchema schema = schema_of(s);
    const auto refusal = [&](std::string_view key) {
      try {
        schema.refuse(key, "is wrong");
      } catch (const ConfigError& error) {
        return std::string(error.what());
      }
    };
    CHECK(refusal("command") == "command: is wrong");
    schema.load_text("most: 5\ncommand: [/bin/x]\nlog: {file: /x}", "f.yaml");
    CHECK(refusal("command") == "f.yaml:2:10: command: is wrong");
    CHECK(refusal("log.file") == "f.yaml:3:13: log.file: is wrong");
    schema.apply_override("command=/bin/y,z");
    CHECK(refusal("command") == "--set: command: is wrong");
    CHECK(s.command == std::vector<std::string>{"/bin/y", "z"});
  }

  TEST_CASE("what those find who know no places gets its place, or that of its group") {
    const auto message = [](const char* yaml, std::string_view key) -> std::string {
      Settings s;
      ConfigSchema schema = schema_of(s);
      schema.load_text(yaml, "f.yaml");
      try {
        schema.check([&] { throw SettingError(key, "is bad"); });
        return "";
      } catch (const ConfigError& error) {
        return error.what();
      }
    };
    CHECK(message("most: 1\nnote: x\n", "note") == "f.yaml:2:7: note: is bad");
    CHECK(message("note: x\n", "most") == "most: is bad");
    CHECK(message("log: {file: x, level: info}\n", "log.file") == "f.yaml:1:13: log.file: is bad");
    CHECK(message("log: {level: info, file: x}\n", "log.level") ==
          "f.yaml:1:14: log.level: is bad");
    CHECK(message("log: {level: info}\n", "log.file") == "f.yaml:1:14: log.file: is bad");
    Settings fine;
    schema_of(fine).check([] {});
    CHECK_THROWS_WITH_AS(schema_of(fine).check([] { throw std::out_of_range("x"); }), "x",
                         std::out_of_range);
  }

  TEST_CASE("bad input is refused with file, line, column and key") {
    const struct {
      std::string yaml;
      std::string error;
    } kCases[] = {
        // Keys.
        {"\n  lissen: []", "f.yaml:2:3: lissen: unknown key (did you mean listen?)"},
        {"zebra: 1", "f.yaml:1:1: zebra: unknown key"},
        {"log:\n  levle: info", "f.yaml:2:3: log.levle: unknown key (did you mean log.level?)"},
        {"logs: {level: info}", "f.yaml:1:1: logs: unknown key (did you mean log?)"},
        {"log.level: info",
         "f.yaml:1:1: log.level: unknown key (write it as a map: its group, and below that its "
         "name)"},
        {"level: info", "f.yaml:1:1: level: unknown key"},
        {"\"a\\nb\": 1", "f.yaml:1:1: \"a\\nb\": unknown key"},
        {"<<: {most: 1}", "f.yaml:1:1: <<: unknown key"},
        {"most: 1\nseed: true\nmost: 2", "f.yaml:3:1: most: duplicate key, first given in line 1"},
        {"log: {level: info, level: warn}",
         "f.yaml:1:20: level: duplicate key, first given in line 1"},
        {"? [a]\n: b", "f.yaml:1:3: a key must be a plain word"},
        // Types.
        {"most: many", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: \"5\"",
         "f.yaml:1:7: most: must be a whole number from 1 to 100000, without quotes"},
        {"most: 5.0", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: 0x10", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: 010", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: +5", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: [5]", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: {}", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most:", "f.yaml:1:1: most: has no value"},
        {"most: ~", "f.yaml:1:1: most: has no value"},
        {"listen: null", "f.yaml:1:1: listen: has no value"},
        {"seed: yes", "f.yaml:1:7: seed: must be true or false"},
        {"seed: 'true'", "f.yaml:1:7: seed: must be true or false, without quotes"},
        {"note: [a]", "f.yaml:1:7: note: must be text"},
        {"log: info", "f.yaml:1:6: log: must be a map"},
        {"log: []", "f.yaml:1:6: log: must be a map"},
        {"- most", "f.yaml:1:1: must be a map of keys and values"},
        {"most", "f.yaml:1:1: must be a map of keys and values"},
        {"listen: 127.0.0.1:1", "f.yaml:1:9: listen: must be a list"},
        // Values.
        {"most: 0", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: 100001", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: -1", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: 4294967297", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"most: 18446744073709551617", "f.yaml:1:7: most: must be a whole number from 1 to 100000"},
        {"small: 65536", "f.yaml:1:8: small: must be a whole number from 0 to 65535"},
        {"share: -1",
         "f.yaml:1:8: share: must be a number from 0 to 10000 with at most three decimals, such as "
         "1.5"},
        {"interval: soon", "f.yaml:1:11: interval: must be a duration from 1s to 24h, such as 30s"},
        {"interval: 999ms",
         "f.yaml:1:11: interval: must be a duration from 1s to 24h, such as 30s"},
        {"interval: 25h", "f.yaml:1:11: interval: must be a duration from 1s to 24h, such as 30s"},
        {"limit: much",
         "f.yaml:1:8: limit: must be a number of bytes from 0 to 1024GiB, such as 512KiB"},
        {"limit: -1",
         "f.yaml:1:8: limit: must be a number of bytes from 0 to 1024GiB, such as 512KiB"},
        {"directory: \"\"", "f.yaml:1:12: directory: must not be empty"},
        {"directory: \"a\\nb\"", "f.yaml:1:12: directory: must be printable UTF-8 text"},
        {"mode: 0800",
         "f.yaml:1:7: mode: must be a file mode in octal from 0400 to 0777, such as 0644"},
        {"mode: 0",
         "f.yaml:1:7: mode: must be a file mode in octal from 0400 to 0777, such as 0644"},
        {"mode: 0377",
         "f.yaml:1:7: mode: must be a file mode in octal from 0400 to 0777, such as 0644"},
        {"listen: [\"[::]:1\", \"[::1]:1\", \"[::0]:1\"]",
         "f.yaml:1:31: listen: [::]:1 stands there twice"},
        {"mode: 01777",
         "f.yaml:1:7: mode: must be a file mode in octal from 0400 to 0777, such as 0644"},
        {"log:\n  level: loud", "f.yaml:2:10: log.level: must be error, warn, info or debug"},
        {"listen: []", "f.yaml:1:9: listen: must not be empty"},
        {"listen:\n  - 127.0.0.1:1\n  - localhost:1",
         "f.yaml:3:5: listen: must be ADDRESS:PORT or \"[IPV6]:PORT\""},
        {"listen: [127.0.0.1:65536]",
         "f.yaml:1:10: listen: must be ADDRESS:PORT or \"[IPV6]:PORT\""},
        {"trusted: [10.0.0.0/33]",
         "f.yaml:1:11: trusted: must be a network such as 10.0.0.0/8 or an address"},
        // Lists of maps.
        {"shares: {who: a, up: 1}", "f.yaml:1:9: shares: must be a list"},
        {"shares: [a]", "f.yaml:1:10: shares: must be a map of who and up or down"},
        {"shares: [~]", "f.yaml:1:10: shares: must be a map of who and up or down"},
        {"shares: [{}]", "f.yaml:1:10: shares: who: is missing"},
        {"shares: [{up: 1}]", "f.yaml:1:10: shares: who: is missing"},
        {"shares: [{who: a}]", "f.yaml:1:10: shares: up or down: is missing"},
        {"shares: [{who: \"\", up: 1}]", "f.yaml:1:16: shares: who: must not be empty"},
        {"shares: [{who: [a], up: 1}]", "f.yaml:1:16: shares: who: must be text"},
        {"shares: [{who: a, up: }]", "f.yaml:1:19: shares: up: has no value"},
        {"shares: [{who: a, sup: 1}]", "f.yaml:1:19: shares: sup: unknown key (did you mean up?)"},
        {"shares:\n  - who: a\n    up: much",
         "f.yaml:3:9: shares: up: must be a number of bytes from 0 to 1GiB, such as 512KiB"},
        {"shares: [{who: a, up: 1, up: 2}]",
         "f.yaml:1:26: up: duplicate key, first given in line 1"},
        {"shares: [{who: a, up: 1}, {who: a, up: 1}]",
         "f.yaml:1:27: shares: who: \"a\" stands there twice"},
        {"command: /bin/echo", "f.yaml:1:10: command: must be a list"},
        {"command: [echo]", "f.yaml:1:11: command: must begin with the path of a program, from /"},
        {"command: [\"\"]", "f.yaml:1:11: command: must begin with the path of a program, from /"},
        {"command: [/bin/echo, [x]]", "f.yaml:1:22: command: must be text"},
        // YAML itself.
        {"most: 1\n---\nmost: 2", "f.yaml:2:1: more than one document"},
        {"a: &x 1", "f.yaml:1:4: anchors are not supported"},
        {"a: !!int 1", "f.yaml:1:4: tags are not supported"},
        {"note: \xff", "f.yaml:1:7: not UTF-8 text"},
        {"most: 5\nnote: x\x04", "f.yaml:2:8: a control character"},
        {"note: \xc3\xa9\x01", "f.yaml:1:9: a control character"},
        {"x: [[[[[[[[[[1]]]]]]]]]]", "f.yaml:1:11: nested too deeply"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.yaml);
      CHECK(error_of(c.yaml) == c.error);
    }
  }

  TEST_CASE("keys are digits or files, and are written back as they were read") {
    const TempDir temp;
    const std::string digits(64, 'A');
    const std::string path = temp.write("a.pub", std::string(64, 'b') + "\n");
    Settings s;
    schema_of(s).load_text("keys: [" + digits + ", \"" + path + "\"]", "f.yaml");
    REQUIRE(s.keys.size() == 2);
    CHECK(s.keys[0].key.to_hex() == std::string(64, 'a'));
    CHECK(s.keys[1].key.to_hex() == std::string(64, 'b'));
    CHECK(schema_of(s).dump().find("keys: [\"" + digits + "\", \"" + path + "\"]") !=
          std::string::npos);
    CHECK(error_of("keys: " + digits) == "f.yaml:1:7: keys: must be a list");
    CHECK(
        error_of("keys:\n  - " + digits + "\n  - \"\"").starts_with("f.yaml:3:5: keys: is empty"));
    CHECK(error_of("keys: [[]]").starts_with("f.yaml:1:8: keys: must be"));
    CHECK(error_of("keys: [" + digits + "a]").find("neither 64 hex digits nor") !=
          std::string::npos);
    CHECK(error_of("keys: [\"" + temp.write("c", "c") + "\"]").find("holds no public key") !=
          std::string::npos);
  }

  TEST_CASE("a syntax error is placed") {
    CHECK(error_of("most: 1\nnote: [a").starts_with("f.yaml:2:"));
    CHECK(error_of("most: 1\n\tseed: true").starts_with("f.yaml:2:"));
    CHECK(error_of("note: \"open").starts_with("f.yaml:1:"));
    CHECK(error_of("most: 1\n  seed: true\n").starts_with("f.yaml:"));
    CHECK(error_of("a: b: c").starts_with("f.yaml:1:"));
    CHECK(error_of("most: 1\n}").starts_with("f.yaml:2:1: "));
  }

  TEST_CASE("nesting of any depth and kind is refused without harm") {
    for (const std::string_view unit : {"[", "{a: ", "- ", "? "}) {
      std::string yaml;
      for (int i = 0; i < 20'000; ++i) yaml += unit;
      CAPTURE(unit);
      CHECK_FALSE(error_of(yaml).empty());
    }
  }

  TEST_CASE("a file is read, a missing one is fine only where that is said") {
    TempDir dir;
    Settings s;
    ConfigSchema schema = schema_of(s);
    schema.load(dir.write("c.yaml", "most: 9\n"), ConfigSchema::Missing::kIsAnError);
    CHECK(s.most == 9);
    const std::string missing = dir.file("missing.yaml");
    CHECK_NOTHROW(schema.load(missing, ConfigSchema::Missing::kIsFine));
    CHECK_THROWS_WITH_AS(schema.load(missing, ConfigSchema::Missing::kIsAnError),
                         (missing + ": no such file").c_str(), ConfigError);
    CHECK_THROWS_WITH_AS(schema.load(dir.path(), ConfigSchema::Missing::kIsFine),
                         (dir.path() + ": Is a directory").c_str(), ConfigError);
  }

  TEST_CASE("a file over the bound is refused") {
    TempDir dir;
    Settings s;
    const std::string path = dir.write("c.yaml", std::string(kMaxConfigBytes + 1, '\n'));
    CHECK_THROWS_AS(schema_of(s).load(path, ConfigSchema::Missing::kIsFine), ConfigError);
    dir.write("c.yaml", std::string(kMaxConfigBytes, '\n'));
    CHECK_NOTHROW(schema_of(s).load(path, ConfigSchema::Missing::kIsFine));
  }

  TEST_CASE("an override sets one key") {
    Settings s;
    ConfigSchema schema = schema_of(s);
    for (const char* assignment :
         {"listen=127.0.0.1:0,[::1]:0", "trusted=[]", "interval=5s", "most=3", "seed=false",
          "shares={who: a, up: 5}", "note=a=b, c: [d]", "log.level=error", "log.file=-",
          "mode=0400"}) {
      CAPTURE(assignment);
      CHECK_NOTHROW(schema.apply_override(assignment));
    }
    REQUIRE(s.listen.size() == 2);
    CHECK(s.listen[1].to_string() == "[::1]:0");
    CHECK(s.trusted.empty());
    REQUIRE(s.shares.size() == 1);
    CHECK(s.shares[0].up == 5);
    CHECK(s.most == 3);
    CHECK(s.note == "a=b, c: [d]");
    CHECK(s.log_level == LogLevel::kError);
    schema.apply_override("trusted=[\"10.0.0.0/8\", 192.168.0.1]");
    CHECK(s.trusted.size() == 2);
    schema.apply_override("shares=[{who: a, up: 6}, {who: b, up: 7}]");  // in the other's place
    CHECK(s.shares.size() == 2);
    schema.apply_override("shares=");
    CHECK(s.shares.empty());
    schema.apply_override("note=");
    CHECK(s.note.empty());
  }

  TEST_CASE("a bad override names the key") {
    const struct {
      std::string assignment;
      std::string error;
    } kCases[] = {
        {"most", "--set: must be key=value, not 'most'"},
        {"=1", "--set: must be key=value, not '=1'"},
        {"", "--set: must be key=value, not ''"},
        {"mots=1", "--set: mots: unknown key (did you mean most?)"},
        {"log=info", "--set: log: is a map; set a key below it"},
        {"most=x", "--set: most: must be a whole number from 1 to 100000"},
        {"listen=", "--set: listen: must not be empty"},
        {"listen=[::1]", "--set: listen: must be ADDRESS:PORT or \"[IPV6]:PORT\""},
        {"shares=a", "--set: shares: must be a map of who and up or down"},
        {"shares=[{who: a, up: x}]",
         "--set: shares: up: must be a number of bytes from 0 to 1GiB, such as 512KiB"},
        {"directory=", "--set: directory: must not be empty"},
        {"directory=a\xff", "--set: directory: must be printable UTF-8 text"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.assignment);
      CHECK(override_error_of(c.assignment) == c.error);
    }
  }

  TEST_CASE("the dump explains each key and loads back to the same settings") {
    Settings written;
    ConfigSchema writer = schema_of(written);
    for (const char* assignment :
         {"listen=127.0.0.1:1,[::1]:2", "trusted=10.0.0.0/8", "interval=90s",
          "shares=[{who: 'a \"b\", c: {', down: 3MiB}, {who: /x/y, up: 1}]", "limit=1536KiB",
          "most=12", "note=quote \" backslash \\ #: '{[ \xc3\xa9", "seed=false", "mode=0407",
          "log.file=/a \"b\"/c", "log.level=debug"}) {
      writer.apply_override(assignment);
    }
    const std::string yaml = writer.dump();
    CAPTURE(yaml);
    Settings read;
    ConfigSchema reader = schema_of(read);
    reader.load_text(yaml, "dump");
    CHECK(reader.dump() == yaml);
    CHECK(read.note == written.note);
    CHECK(read.log_path == "/a \"b\"/c");
    CHECK(yaml.find("shares: [{who: \"a \\\"b\\\", c: {\", up: 0, down: 3MiB}, "
                    "{who: /x/y, up: 1, down: 0}]\n") != yaml.npos);
    CHECK(yaml.find("# Bytes a second.\n# 0 is no limit.\nlimit: 1536KiB\n") != yaml.npos);
    CHECK(yaml.find("\nlog:\n  # The log.\n  file: ") != yaml.npos);
  }

  TEST_CASE("sizes and durations are printed exactly") {
    for (const char* value : {"0", "1", "1023", "1KiB", "1536KiB", "3GiB", "1GiB"}) {
      Settings s;
      ConfigSchema schema = schema_of(s);
      schema.apply_override(std::string("limit=") + value);
      CHECK(schema.dump().find(std::string("limit: ") + value + "\n") != std::string::npos);
    }
    for (const char* value : {"1s", "1500ms", "60s", "90s", "2h", "24h"}) {
      Settings s;
      ConfigSchema schema = schema_of(s);
      schema.apply_override(std::string("interval=") + value);
      CHECK(schema.dump().find(std::string("interval: ") + value + "\n") != std::string::npos);
    }
  }

  TEST_CASE("a reload changes what a running program can take, and says what it cannot") {
    Settings running;
    running.listen.push_back(*Endpoint::parse("[::1]:1"));
    running.note = "a: \"b\" # c";
    running.trusted.push_back(*Network::parse("10.0.0.0/8"));
    Settings fresh;
    ConfigSchema schema = schema_of(fresh);
    schema.need_restart({"listen", "trusted", "note", "interval", "log.file"});
    schema.load_text("most: 1\nnote: other\nlog: {level: debug, file: /x}\n", "f");
    const auto changes = schema.changes_from(schema_of(running));
    CHECK(changes.taken == std::vector<std::string>{"most", "log.level"});
    CHECK(changes.need_restart ==
          std::vector<std::string>{"listen", "trusted", "note", "log.file"});
    CHECK(fresh.most == 1);
    CHECK(fresh.log_level == LogLevel::kDebug);
    CHECK(fresh.listen == running.listen);
    CHECK(fresh.trusted == running.trusted);
    CHECK(fresh.note == running.note);
    CHECK(fresh.log_path == running.log_path);
    const auto none = schema.changes_from(schema_of(fresh));
    CHECK(none.taken.empty());
    CHECK(none.need_restart.empty());
    CHECK_THROWS_AS(schema.need_restart({"log"}), std::logic_error);
    CHECK(schema.dump().find("\n  # The log.\n  # A change needs a restart.\n  file: ") !=
          std::string::npos);
  }

  TEST_CASE("a reload tells a key by what it is, and not by the name of its file") {
    const TempDir temp;
    const std::string digits(64, 'c');
    const std::string path = temp.write("key.pub", std::string(64, 'b') + "\n");
    Settings running;
    schema_of(running).load_text("keys: [\"" + path + "\", " + digits + "]", "f");
    const auto changed = [&](const std::string& keys) {
      Settings fresh;
      ConfigSchema schema = schema_of(fresh);
      schema.load_text("keys: " + keys, "f");
      return schema.changes_from(schema_of(running)).taken;
    };
    const std::vector<std::string> keys{"keys"};
    CHECK(changed("[" + std::string(64, 'B') + ", " + digits + "]").empty());
    CHECK(changed("[\"" + path + "\"]") == keys);
    CHECK(changed("[]") == keys);
    temp.write("key.pub", std::string(64, 'd') + "\n");
    CHECK(changed("[\"" + path + "\", " + digits + "]") == keys);
  }
}

}  // namespace
}  // namespace piecework
