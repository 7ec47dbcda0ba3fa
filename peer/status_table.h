// What `peerctl status` shows: a line for each torrent, and one for all of them together.
// Pure functions; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "peer/node_status.h"

namespace piecework::peer {

enum class StatusColumn { kName, kDone, kDown, kUp, kPeers, kEta, kState, kReason };
inline constexpr std::size_t kStatusColumns = 8;

using StatusRow = std::array<std::string, kStatusColumns>;

struct StatusTable {
  std::size_t torrents = 0;
  // What needs an eye comes first: those with an error, then downloads, then what is checked, held
  // or served, at last those that nobody asks for; each kind by name.
  std::vector<StatusRow> rows;
  StatusRow total;
};

// Names and reasons, strangers' text, are made printable.
StatusTable status_table(const NodeStatus& status);

// The rows of `table` that are not in `shown`, with its total.
StatusTable rows_changed_since(const std::set<StatusRow>& shown, const StatusTable& table);

// 0 is no limit.
struct TableSize {
  std::size_t columns = 0;
  std::size_t lines = 0;
};

// Lines that end in a line feed: a heading, the rows, the total; or that there are no torrents.
// Within so many columns: what is too long is cut with an ellipsis, and on a narrow terminal the
// less important columns go. Within so many lines (at least 4): the last rows are only counted.
std::string format_table(const StatusTable& table, TableSize size);

}  // namespace piecework::peer
