#include "common/output_paths.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "common/errors.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// The keys of a daemon, with defaults of which none is another one.
struct Outputs {
  explicit Outputs(const std::string& yaml) {
    keys.path("log.file", paths.log, "");
    keys.text("status_file", paths.status, "");
    keys.text("metrics_file", paths.metrics, "");
    keys.load_text(yaml, "f");
  }

  OutputPaths paths{"/etc/d.yaml", "/var/log/d.log", "/run/d/status.json", ""};
  ConfigSchema keys;
};

// What is said of them; empty when they are fine.
std::string problem(const std::string& yaml, const std::string& config_file = "/etc/d.yaml") {
  Outputs outputs(yaml);
  outputs.paths.configuration = config_file;
  try {
    check_outputs(outputs.keys, outputs.paths);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST_SUITE("output_paths") {
  TEST_CASE("what a daemon writes are files of their own") {
    CHECK(problem("") == "");
    CHECK(problem("metrics_file: /run/d/metrics.prom") == "");
    CHECK(problem("status_file: \"\"\nlog: {file: \"-\"}") == "");
    CHECK(problem("log: {file: \"-\"}\nmetrics_file: \"-\"") == "");
    CHECK(problem("log: {file: /dev/null}\n", "/dev/null") == "");
  }

  TEST_CASE("two that are the same are refused where one of them was set") {
    CHECK(problem("metrics_file: /run/d/status.json") ==
          "f:1:15: metrics_file: is the same file as status_file");
    CHECK(problem("log: {file: /run/d/status.json}") ==
          "f:1:13: log.file: is the same file as status_file");
    CHECK(problem("status_file: /x\nlog: {file: /x}") ==
          "f:1:14: status_file: is the same file as log.file");
    CHECK(problem("metrics_file: /x\nlog: {file: /x}") ==
          "f:1:15: metrics_file: is the same file as log.file");
  }

  TEST_CASE("they are regular files, or can become such") {
    TempDir dir;
    dir.write("file", "");
    CHECK(problem("status_file: " + dir.file("file")) == "");
    CHECK(problem("status_file: " + dir.file("file/x")) == "");
    CHECK(problem("status_file: " + dir.path()) == "f:1:14: status_file: is a directory");
    CHECK(problem("metrics_file: " + dir.file("../")) == "f:1:15: metrics_file: is a directory");
    CHECK(problem("metrics_file: /dev/null") == "f:1:15: metrics_file: is no regular file");
    CHECK(problem("log: {file: " + dir.path() + "}") == "f:1:13: log.file: is a directory");
  }

  TEST_CASE("two directories that are one are refused, a default is never to blame") {
    const auto said = [](const std::string& yaml) -> std::string {
      std::string a = "/none/a";
      std::string b = "/none/b";
      ConfigSchema keys;
      keys.path("a", a, "");
      keys.path("b", b, "");
      keys.load_text(yaml, "f");
      try {
        check_directories(keys, {{"a", a}, {"b", b}});
        return "";
      } catch (const ConfigError& error) {
        return error.what();
      }
    };
    CHECK(said("") == "");
    CHECK(said("a: /none/b/c") == "");
    CHECK(said("a: /none/b/") == "f:1:4: a: is the same directory as b");
    CHECK(said("b: /none/./a") == "f:1:4: b: is the same directory as a");
    CHECK(said("a: /none\nb: /none") == "f:2:4: b: is the same directory as a");
  }

  TEST_CASE("none is the configuration, by any of its names") {
    TempDir dir;
    dir.write("d.yaml", "");
    std::filesystem::create_symlink("d.yaml", dir.file("link"));
    for (const char* name : {"d.yaml", "link", "./d.yaml", "none/../d.yaml"}) {
      for (const std::string key : {"log.file", "status_file", "metrics_file"}) {
        CAPTURE(name);
        CAPTURE(key);
        const bool nested = key == "log.file";
        const std::string yaml =
            (nested ? "log: {file: " : key + ": ") + dir.file(name) + (nested ? "}" : "");
        CHECK(problem(yaml, dir.file("d.yaml")) ==
              "f:1:" + std::to_string(nested ? 13 : key.size() + 3) + ": " + key +
                  ": is the configuration file itself");
        CHECK(problem(yaml, dir.file("link")) != "");
      }
    }
    CHECK(problem("status_file: /none/d.yaml", "/none/x/../d.yaml") != "");
  }
}

}  // namespace
}  // namespace piecework
