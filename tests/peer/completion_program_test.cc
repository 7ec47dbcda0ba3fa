#include "peer/completion_program.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

CompletionProgram::Completed download(const std::string& name) {
  return {.info_hash = *InfoHash::parse_hex(std::string(64, 'a')), .name = name, .bytes = 12345};
}

CompletionProgram::Settings sh(const std::string& script) {
  return {.command = {"/bin/sh", "-c", script, "sh", "fixed"}, .timeout = seconds(20)};
}

TEST_SUITE("completion_program") {
  TEST_CASE("it is told of the download, and what becomes of it is logged") {
    const CapturedLog log;
    const TempDir temp;
    CompletionProgram program(temp.path(),
                              sh("env | sort | grep -v ^PWD= >seen; echo $1; echo bye"));
    program.completed(download("video one.mp4"));
    REQUIRE(eventually([&] { return log.has("program.ended"); }));
    CHECK(temp.read("seen") ==
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
          "PIECEWORK_BYTES=12345\nPIECEWORK_HASH=" +
              std::string(64, 'a') + "\nPIECEWORK_NAME=video one.mp4\nPIECEWORK_PATH=" +
              temp.file("video one.mp4") + "\n");
    CHECK(log.has(" info program.started hash=aaaaaaaa name=\"video one.mp4\" program=/bin/sh\n"));
    CHECK(log.has(
        " info program.ended hash=aaaaaaaa name=\"video one.mp4\" program=/bin/sh seconds="));
    CHECK(log.has(" output=\"fixed\\nbye\"\n"));
  }

  TEST_CASE("one at a time, in their order") {
    const CapturedLog log;
    const TempDir temp;
    CompletionProgram program(
        temp.path(), sh("mkdir busy && echo $PIECEWORK_NAME >>order && sleep 0.02 && rmdir busy"));
    for (const char* name : {"a", "b", "c", "d"}) program.completed(download(name));
    CHECK(eventually([&] { return log.count("program.ended") == 4; }));
    CHECK(temp.read("order") == "a\nb\nc\nd\n");
  }

  TEST_CASE("one that fails or cannot be run is a warning, and the next one has its turn") {
    const CapturedLog log;
    const TempDir temp;
    CompletionProgram program(temp.path(), sh("echo why; exit 7"));
    program.completed(download("a"));
    program.set({.command = {temp.file("missing")}, .timeout = seconds(20)});
    program.completed(download("b"));
    program.set(sh("true"));
    program.completed(download("c"));
    REQUIRE(eventually([&] { return log.has("program.ended"); }));
    CHECK(log.has(" warn program.failed hash=aaaaaaaa name=a reason=\"exit status 7\" seconds="));
    CHECK(log.has(" output=why\n"));
    CHECK(log.has(" warn program.failed hash=aaaaaaaa name=b reason=\"run " + temp.file("missing") +
                  ": No such file or directory\"\n"));
  }

  TEST_CASE("without a program nothing happens") {
    const CapturedLog log;
    CompletionProgram program("/", {});
    program.completed(download("a"));
    program.stop();
    CHECK_FALSE(log.has("program."));
  }

  TEST_CASE("a stop ends what runs, and says of the rest that it was not run") {
    const CapturedLog log;
    const TempDir temp;
    CompletionProgram program(temp.path(), sh("echo x >begun; sleep 1000"));
    program.completed(download("a"));
    program.completed(download("b"));
    REQUIRE(eventually([&] { return !temp.read("begun").empty(); }));
    program.stop();
    program.completed(download("c"));
    CHECK(
        log.has("program.failed hash=aaaaaaaa name=a reason=\"ended because peerd was stopped\""));
    CHECK(log.has("program.failed hash=aaaaaaaa name=b reason=\"peerd is being stopped\""));
    CHECK(log.has("program.failed hash=aaaaaaaa name=c reason=\"peerd is being stopped\""));
    program.stop();
  }

  TEST_CASE("many threads complete, change the settings and stop at once") {
    const CapturedLog log;
    const TempDir temp;
    CompletionProgram program(temp.path(), {.command = {"/bin/true"}, .timeout = seconds(20)});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 10; ++n) {
          program.completed(download("file"));
          if (i == 0) program.set({.command = {"/bin/true"}, .timeout = seconds(n + 1)});
        }
        if (i == 1) program.begin_stop();
      });
    }
    for (std::thread& thread : threads) thread.join();
    program.stop();
    CHECK(log.has("program."));
  }
}

}  // namespace
}  // namespace piecework::peer
