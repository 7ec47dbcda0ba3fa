// What both daemons do when a changed configuration moves what they tell of themselves.
// Belongs to the main thread.
#pragma once

#include <string_view>
#include <utility>

#include "common/daemon_files.h"
#include "common/status_file.h"

namespace piecework {

// Moves the metrics file and the log from where `running` has them to where `fresh` does, both or
// none: throws std::system_error when one of them cannot be made. `text()` is what the metrics file
// says. A Config has metrics_file, log_file and log_level.
template <typename Config, typename Text>
void move_outputs(std::string_view program, const Config& running, const Config& fresh,
                  StatusFile& metrics_file, Text text) {
  StatusFile fresh_metrics(fresh.metrics_file);
  const bool metrics_move = fresh.metrics_file != running.metrics_file;
  if (metrics_move) fresh_metrics.create(program, PathChoice::kConfigured, text());
  if (fresh.log_file != running.log_file || fresh.log_level != running.log_level) {
    open_daemon_log(program, fresh.log_file, PathChoice::kConfigured, fresh.log_level);
  }
  if (metrics_move) metrics_file = std::move(fresh_metrics);
}

}  // namespace piecework
