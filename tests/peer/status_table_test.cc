#include "peer/status_table.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "common/columns.h"

namespace piecework::peer {
namespace {

DownloadStatus torrent(const std::string& name, DownloadState state) {
  DownloadStatus status;
  status.name = name;
  status.state = state;
  status.length = 1000;
  status.bytes = state == DownloadState::kSeeding ? 1000 : 421;
  return status;
}

DownloadStatus download(const std::string& name) {
  DownloadStatus status = torrent(name, DownloadState::kDownloading);
  status.length = 100 << 20;
  status.bytes = 40 << 20;
  status.rate_down = 2 << 20;
  status.rate_up = 512;
  status.peers = 3;
  return status;
}

NodeStatus node(std::vector<DownloadStatus> torrents) {
  NodeStatus status;
  status.torrents = std::move(torrents);
  return status;
}

std::string format(const std::vector<DownloadStatus>& torrents, TableSize size = {}) {
  return format_table(status_table(node(torrents)), size);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> names_of(const StatusTable& table) {
  std::vector<std::string> names;
  for (const StatusRow& row : table.rows) names.push_back(row[0]);
  return names;
}

TEST_SUITE("status_table") {
  TEST_CASE("a line for each torrent, numbers to the right, and a total") {
    DownloadStatus slow = download("image.qcow2");
    slow.reason = "no peer has what is missing";
    CHECK(format({torrent("a video.mp4", DownloadState::kSeeding), slow}) ==
          "NAME           DONE       DOWN       UP  PEERS    ETA  STATE        REASON\n"
          "image.qcow2   40.0%  2.0 MiB/s  512 B/s      3  30.0s  downloading  no peer has what is "
          "missing\n"
          "a video.mp4  100.0%          -        -      0      -  seeding\n"
          "2 torrents    40.0%  2.0 MiB/s  512 B/s      3  30.0s               1 downloading, 1 "
          "seeding\n");
  }

  TEST_CASE("without torrents it says so") {
    CHECK(format({}) == "no torrents\n");
    CHECK(format({}, {.columns = 10, .lines = 4}) == "no torrents\n");
  }

  TEST_CASE("what needs an eye comes first, each kind by name") {
    DownloadStatus busy = torrent("z", DownloadState::kSeeding);
    busy.peers = 1;
    const StatusTable table = status_table(
        node({torrent("b", DownloadState::kSeeding), torrent("a", DownloadState::kSeeding), busy,
              torrent("c", DownloadState::kChecking), download("y"), download("x"),
              torrent("g", DownloadState::kRemoved), torrent("w", DownloadState::kError)}));
    CHECK(names_of(table) == std::vector<std::string>{"w", "x", "y", "c", "z", "a", "b", "g"});
    CHECK(table.total[0] == "8 torrents");
    CHECK(table.total[7] == "1 error, 2 downloading, 1 checking, 3 seeding, 1 removed");
  }

  TEST_CASE("what is not complete is never 100%") {
    const struct {
      std::uint64_t bytes;
      const char* percent;
    } kCases[] = {{0, "0.0%"},
                  {290'000, "29.0%"},
                  {999'000, "99.9%"},
                  {999'999, "99.9%"},
                  {1'000'000, "100.0%"}};
    for (const auto& c : kCases) {
      DownloadStatus status = torrent("x", DownloadState::kDownloading);
      status.length = 1'000'000;
      status.bytes = c.bytes;
      CHECK(status_table(node({status})).rows[0][1] == c.percent);
    }
  }

  TEST_CASE("the total is done when the last download is, if all of them are known to end") {
    DownloadStatus later = download("later");
    later.rate_down = 1 << 20;
    CHECK(status_table(node({download("x"), later})).total[5] == "1m00s");
    later.rate_down = 0;
    CHECK(status_table(node({download("x"), later})).total[5] == "-");
  }

  TEST_CASE("an empty file that is seeded is done, and of nothing there is no share") {
    DownloadStatus empty = torrent("empty", DownloadState::kSeeding);
    empty.length = empty.bytes = 0;
    const StatusTable table = status_table(node({empty}));
    CHECK(table.rows[0][1] == "100.0%");
    CHECK(table.total[1] == "-");
  }

  TEST_CASE("names and reasons cannot forge a line") {
    DownloadStatus status = torrent("a\nb\x1b[2J", DownloadState::kError);
    status.reason = "x\ry";
    const StatusRow row = status_table(node({status})).rows[0];
    CHECK(row[0] == "a\\nb\\x1b[2J");
    CHECK(row[7] == "x\\ry");
  }

  TEST_CASE("whatever the width, no line is wider and the name and the reason are there") {
    DownloadStatus wide = download("映画 " + std::string(300, 'n'));
    wide.reason = std::string(300, 'r');
    wide.rate_up = 1023 << 10;
    const std::vector<DownloadStatus> torrents{wide, torrent("short", DownloadState::kSeeding)};
    for (const std::size_t columns : {40U, 50U, 60U, 72U, 80U, 100U, 132U, 200U}) {
      CAPTURE(columns);
      const auto lines = lines_of(format(torrents, {.columns = columns}));
      REQUIRE(lines.size() == 4);
      for (const std::string& line : lines) CHECK(display_columns(line) <= columns);
      CHECK(lines[1].starts_with("映画 nnnnn"));
      CHECK(lines[1].find("n…  ") != std::string::npos);
      CHECK(lines[1].find(" 40.0%  ") != std::string::npos);
      CHECK(lines[1].ends_with("rrrrr…"));
      CHECK(lines[2].starts_with("short   "));
    }
  }

  TEST_CASE("what is wide enough is not cut, and the less important columns go first") {
    DownloadStatus status = download("image.qcow2");
    status.reason = "no peer";
    const std::string whole = format({status});
    CHECK(format({status}, {.columns = 80}) == whole);
    CHECK(lines_of(format({status}, {.columns = 60}))[0].find(" UP ") == std::string::npos);
    CHECK(lines_of(format({status}, {.columns = 60}))[0].find(" DOWN ") != std::string::npos);
    CHECK(lines_of(format({status}, {.columns = 1})).size() == 3);
  }

  TEST_CASE("a long name leaves room for the reason, and a short one leaves it more") {
    DownloadStatus status = torrent(std::string(200, 'n'), DownloadState::kError);
    status.reason = "the disk is full";
    CHECK(lines_of(format({status}, {.columns = 90}))[1].ends_with("the disk is full"));
    status.name = "n";
    status.reason = std::string(200, 'r');
    const std::string line = lines_of(format({status}, {.columns = 90}))[1];
    CHECK(line.starts_with("n          42.1%"));
    CHECK(display_columns(line) == 90);
  }

  TEST_CASE("rows beyond the last line are counted") {
    std::vector<DownloadStatus> torrents;
    for (char c = 'a'; c <= 'j'; ++c) torrents.push_back(download(std::string(1, c)));
    CHECK(lines_of(format(torrents, {.lines = 12})).size() == 12);
    const auto cut = lines_of(format(torrents, {.lines = 11}));
    REQUIRE(cut.size() == 11);
    CHECK(cut[8].starts_with("h "));
    CHECK(cut[9] == "… 2 more");
    CHECK(cut[10].starts_with("10 torrents"));
    CHECK(lines_of(format(torrents, {.lines = 1})).size() == 4);
  }

  TEST_CASE("of a table shown before only the changed rows are left") {
    const StatusTable before = status_table(node({download("a"), download("b")}));
    DownloadStatus further = download("b");
    further.bytes += 10 << 20;
    const StatusTable after = status_table(node({download("a"), further}));
    const StatusTable changed = rows_changed_since({before.rows.begin(), before.rows.end()}, after);
    CHECK(names_of(changed) == std::vector<std::string>{"b"});
    CHECK(changed.total == after.total);
    CHECK(rows_changed_since({after.rows.begin(), after.rows.end()}, after).rows.empty());
    CHECK(rows_changed_since({}, after).rows.size() == 2);
  }
}

}  // namespace
}  // namespace piecework::peer
