#include "peer/status_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/columns.h"
#include "common/printable.h"
#include "common/units.h"

namespace piecework::peer {
namespace {

using Widths = std::array<std::size_t, kStatusColumns>;

constexpr StatusRow::size_type index(StatusColumn column) {
  return static_cast<StatusRow::size_type>(column);
}

constexpr std::size_t kGap = 2;  // between columns
// Names and reasons share what the others leave, and have at least so much if they need it.
constexpr std::size_t kLeastText = 14;
// The first to go where there is no room for that.
constexpr std::array kDispensable = {StatusColumn::kUp, StatusColumn::kPeers, StatusColumn::kEta,
                                     StatusColumn::kState, StatusColumn::kDown};
// Heading, total, and the line that counts rows left out.
constexpr std::size_t kLinesBesideRows = 3;

const StatusRow& heading() {
  static const StatusRow row{"NAME", "DONE", "DOWN", "UP", "PEERS", "ETA", "STATE", "REASON"};
  return row;
}

bool is_number(std::size_t column) {
  return column >= index(StatusColumn::kDone) && column <= index(StatusColumn::kEta);
}

int urgency(const DownloadStatus& torrent) {
  switch (torrent.state) {
    case DownloadState::kError: return 0;
    case DownloadState::kDownloading: return 1;
    case DownloadState::kSeeding: return torrent.peers > 0 ? 3 : 4;
    case DownloadState::kPaused:
    case DownloadState::kFinished:
    case DownloadState::kRemoved: return 5;
    default: return 2;
  }
}

bool comes_before(const DownloadStatus& a, const DownloadStatus& b) {
  const int urgency_a = urgency(a);
  const int urgency_b = urgency(b);
  return urgency_a != urgency_b ? urgency_a < urgency_b : a.name < b.name;
}

// Rounded down: what is not complete is never 100%.
std::string percent(double done) {
  constexpr double kRounding = 1e-6;
  auto tenths = static_cast<unsigned>(std::clamp(done, 0.0, 1.0) * 1000 + kRounding);
  if (done < 1) tenths = std::min(tenths, 999U);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "%";
}

std::string rate(double bytes_per_second) {
  return bytes_per_second < 1 ? "-" : format_rate(bytes_per_second);
}

std::string eta(std::uint64_t seconds_left) {
  constexpr auto kMost = std::chrono::duration_cast<seconds>(kMaxDuration).count();
  if (seconds_left == 0) return "-";
  return format_duration(seconds(std::min<std::uint64_t>(seconds_left, kMost)));
}

StatusRow row_of(const DownloadStatus& torrent) {
  return {printable(torrent.name),
          percent(torrent.done()),
          rate(torrent.rate_down),
          rate(torrent.rate_up),
          std::to_string(torrent.peers),
          eta(eta_seconds(torrent)),
          std::string(download_state_name(torrent.state)),
          printable(torrent.reason)};
}

// "1 error, 3 downloading, 12 seeding", in the order of the rows.
std::string count_states(const std::vector<DownloadStatus>& sorted) {
  std::vector<std::pair<DownloadState, std::size_t>> counts;
  for (const DownloadStatus& torrent : sorted) {
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& count) {
      return count.first == torrent.state;
    });
    if (found == counts.end()) {
      counts.emplace_back(torrent.state, 1);
    } else {
      ++found->second;
    }
  }
  std::string text;
  for (const auto& [state, count] : counts) {
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + " " + std::string(download_state_name(state));
  }
  return text;
}

// When the last of the downloads is complete; 0 when that is not known of one of them.
std::uint64_t longest_eta(const std::vector<DownloadStatus>& torrents) {
  std::uint64_t longest = 0;
  for (const DownloadStatus& torrent : torrents) {
    if (torrent.state != DownloadState::kDownloading) continue;
    const std::uint64_t eta = eta_seconds(torrent);
    if (eta == 0) return 0;
    longest = std::max(longest, eta);
  }
  return longest;
}

StatusRow total_of(const std::vector<DownloadStatus>& sorted) {
  double bytes = 0;
  double length = 0;
  double down = 0;
  double up = 0;
  std::size_t peers = 0;
  for (const DownloadStatus& torrent : sorted) {
    bytes += static_cast<double>(torrent.bytes);
    length += static_cast<double>(torrent.length);
    down += torrent.rate_down;
    up += torrent.rate_up;
    peers += torrent.peers;
  }
  return {format_count(sorted.size(), "torrent"),
          length > 0 ? percent(bytes / length) : "-",
          rate(down),
          rate(up),
          std::to_string(peers),
          eta(longest_eta(sorted)),
          "",
          count_states(sorted)};
}

std::size_t total_width(const Widths& widths) {
  std::size_t total = 0;
  for (const std::size_t width : widths) {
    if (width > 0) total += width + (total > 0 ? kGap : 0);
  }
  return total;
}

Widths natural_widths(const StatusTable& table) {
  Widths widths{};
  const auto widen = [&widths](const StatusRow& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_columns(row[i]));
    }
  };
  widen(heading());
  for (const StatusRow& row : table.rows) widen(row);
  widen(table.total);
  return widths;
}

// Drops columns, then shortens names and reasons, until everything fits.
Widths fitting_widths(Widths widths, std::size_t columns) {
  std::size_t& name = widths[index(StatusColumn::kName)];
  std::size_t& reason = widths[index(StatusColumn::kReason)];
  const std::size_t texts = name + reason;
  const std::size_t least = std::min(name, kLeastText) + std::min(reason, kLeastText);
  for (const StatusColumn column : kDispensable) {
    if (total_width(widths) - texts + least <= columns) break;
    widths[index(column)] = 0;
  }
  const std::size_t others = total_width(widths) - texts;
  const std::size_t room = columns - std::min(columns, others);
  if (texts <= room) return widths;
  // Who needs less than half of the room leaves the rest to the other.
  if (reason <= room / 2) {
    name = room - reason;
  } else {
    name = std::min(name, room - room / 2);
    reason = room - name;
  }
  return widths;
}

std::string format_row(const StatusRow& row, const Widths& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (widths[i] == 0) continue;
    if (!line.empty()) line.append(kGap, ' ');
    const std::string cell = cut_to_columns(row[i], widths[i]);
    line += is_number(i) ? pad_left(cell, widths[i]) : pad_right(cell, widths[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

StatusTable status_table(const NodeStatus& status) {
  std::vector<DownloadStatus> sorted = status.torrents;
  std::sort(sorted.begin(), sorted.end(), comes_before);
  StatusTable table;
  table.torrents = sorted.size();
  for (const DownloadStatus& torrent : sorted) table.rows.push_back(row_of(torrent));
  table.total = total_of(sorted);
  return table;
}

StatusTable rows_changed_since(const std::set<StatusRow>& shown, const StatusTable& table) {
  StatusTable changed{.torrents = table.torrents, .rows = {}, .total = table.total};
  for (const StatusRow& row : table.rows) {
    if (!shown.contains(row)) changed.rows.push_back(row);
  }
  return changed;
}

std::string format_table(const StatusTable& table, TableSize size) {
  if (table.torrents == 0) return "no torrents\n";
  Widths widths = natural_widths(table);
  if (size.columns > 0) widths = fitting_widths(widths, size.columns);
  std::size_t shown = table.rows.size();
  if (size.lines > 0 && shown + kLinesBesideRows - 1 > size.lines) {
    shown = std::max(size.lines, kLinesBesideRows + 1) - kLinesBesideRows;
  }
  std::string text = format_row(heading(), widths);
  for (std::size_t i = 0; i < shown; ++i) text += format_row(table.rows[i], widths);
  if (shown < table.rows.size()) {
    text += "… " + std::to_string(table.rows.size() - shown) + " more\n";
  }
  return text + format_row(table.total, widths);
}

}  // namespace piecework::peer
