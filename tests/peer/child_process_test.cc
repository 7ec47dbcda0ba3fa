#include "peer/child_process.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

struct Rig {
  ChildEnd sh(const std::string& script, Deadline deadline = soon()) {
    return run_child({.words = {"/bin/sh", "-c", script, "name", "a b", "$(c)"},
                      .environment = {"GIVEN=x y"},
                      .directory = temp.path()},
                     deadline, stop);
  }
  TempDir temp;
  WakeEvent stop;
};

// No child of this process is left, running or not.
bool has_no_child() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

TEST_SUITE("child_process") {
  TEST_CASE("a program that ends well is no problem, and what it printed is told") {
    Rig rig;
    const ChildEnd end = rig.sh("echo out; echo err >&2");
    CHECK(end.problem.empty());
    CHECK(end.output == "out\nerr");
    CHECK(rig.sh("true").output.empty());
    CHECK(has_no_child());
  }

  TEST_CASE("it gets its arguments as they are, its environment alone, its directory") {
    Rig rig;
    CHECK(rig.sh("echo \"$1,$2\"; pwd -P").output ==
          "a b,$(c)\n" + std::filesystem::canonical(rig.temp.path()).string());
    const ChildEnd end =
        run_child({.words = {"/usr/bin/env"}, .environment = {"A=1", "B=x y"}, .directory = "/"},
                  soon(), rig.stop);
    CHECK(end.output == "A=1\nB=x y");
  }

  TEST_CASE("nothing of ours is open in it, blocked or ignored") {
    Rig rig;
    ::signal(SIGPIPE, SIG_IGN);
    const ChildEnd end =
        run_child({.words = {"/bin/ls", "/proc/self/fd"}, .environment = {}, .directory = "/"},
                  soon(), rig.stop);
    CHECK(end.output == "0\n1\n2\n3");  // the last is the directory that it reads
    // But for the two that the C library keeps for itself.
    CHECK(rig.sh("for what in Blk Ign; do"
                 "  mask=$(sed -n \"s/^Sig$what:.//p\" /proc/self/status);"
                 "  echo $((0x$mask & 0x7fffffff));"
                 "done")
              .output == "0\n0");
    CHECK(rig.sh("read line || echo nothing").output == "nothing");
  }

  TEST_CASE("how it ended is told") {
    Rig rig;
    CHECK(rig.sh("echo why; exit 3").problem == "exit status 3");
    CHECK(rig.sh("exit 255").problem == "exit status 255");
    const ChildEnd end = rig.sh("echo why; kill -9 $$");
    CHECK(end.problem == "killed by signal 9");
    CHECK(end.output == "why");
  }

  TEST_CASE("of much output the end is kept, from the start of a line") {
    Rig rig;
    const ChildEnd end = rig.sh("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo line $i; done");
    CHECK(end.problem.empty());
    CAPTURE(end.output);
    CHECK(end.output.size() <= kMaxOutputBytes);
    CHECK(end.output.size() > kMaxOutputBytes - 20);
    CHECK(end.output.starts_with("line 29"));
    CHECK(end.output.ends_with("line 30000"));
    const ChildEnd long_line = rig.sh("head -c 100000 /dev/zero | tr '\\0' x");
    CHECK(long_line.output == std::string(kMaxOutputBytes, 'x'));
  }

  TEST_CASE("one that cannot be run is an error that names it") {
    Rig rig;
    const std::string plain = rig.temp.write("plain", "#!/bin/sh\n");
    for (const std::string& path : {rig.temp.file("missing"), plain, rig.temp.path()}) {
      CAPTURE(path);
      CHECK_FALSE(program_problem(path).empty());
      try {
        run_child({.words = {path}, .environment = {}, .directory = "/"}, soon(), rig.stop);
        FAIL("it ran");
      } catch (const std::system_error& error) {
        CHECK(std::string(error.what()).find(path) != std::string::npos);
      }
    }
    CHECK_THROWS_AS(
        run_child(
            {.words = {"/bin/true"}, .environment = {}, .directory = rig.temp.file("missing")},
            soon(), rig.stop),
        std::system_error);
    CHECK(program_problem("/bin/true").empty());
    CHECK(has_no_child());
  }

  TEST_CASE("one that takes too long is ended, with what it has started") {
    Rig rig;
    const ChildEnd end =
        rig.sh("sleep 1000 & echo $! >pid; echo begun; wait", Clock::now() + milliseconds(300));
    CHECK(end.problem == "ended because it took too long");
    const auto pid = std::stoi("0" + rig.temp.read("pid"));
    if (pid != 0) {  // unless it was too slow to begin
      CHECK(eventually([&] { return ::kill(pid, 0) < 0; }));
      CHECK(end.output == "begun");
    }
    CHECK(has_no_child());
  }

  TEST_CASE("a stop ends it, also when it does not listen") {
    Rig rig;
    std::thread stopper([&] {
      eventually([&] { return !rig.temp.read("begun").empty(); });
      rig.stop.signal();
    });
    const ChildEnd end = rig.sh("trap '' TERM; echo x >begun; while :; do sleep 0.01; done",
                                Clock::now() + seconds(1000));
    stopper.join();
    CHECK(end.problem == "ended because peerd was stopped");
    CHECK(has_no_child());
  }

  TEST_CASE("what it leaves in the background is not waited for") {
    Rig rig;
    const ChildEnd end = rig.sh("sleep 1000 & echo $!");
    CHECK(end.problem.empty());
    REQUIRE_FALSE(end.output.empty());
    CHECK(::kill(std::stoi(end.output), SIGKILL) == 0);
  }
}

}  // namespace
}  // namespace piecework::peer
