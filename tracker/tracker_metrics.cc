#include "tracker/tracker_metrics.h"

#include "common/metrics.h"
#include "common/version.h"

namespace piecework::tracker {
namespace {

using Type = MetricsText::Type;

}  // namespace

std::string format_tracker_metrics(const TrackerStatus& status, seconds started) {
  MetricsText metrics(MetricsText::Labels{{"port", std::to_string(status.listening.front().port)}});
  metrics.family("piecework_tracker_build_info", Type::kGauge, "1; which trackerd runs.")
      .sample(1, {{"version", std::string(kVersion)}});
  metrics
      .family("piecework_tracker_start_time_seconds", Type::kGauge,
              "When it was started, in seconds since 1970.")
      .sample(static_cast<std::uint64_t>(started.count()));
  metrics.family("piecework_tracker_connections", Type::kGauge, "Connections now.")
      .sample(status.connections);
  metrics
      .family("piecework_tracker_denied_total", Type::kCounter,
              "Connections refused or closed because of allow and deny.")
      .sample(status.denied);
  metrics.family("piecework_tracker_swarms", Type::kGauge, "Swarms with at least one peer.")
      .sample(status.counts.swarms);
  metrics.family("piecework_tracker_peers", Type::kGauge, "Peers in all swarms together.")
      .sample(status.counts.peers);
  metrics
      .family("piecework_tracker_announces_total", Type::kCounter,
              "Requests answered, those refused included.")
      .sample(status.totals.announces);
  metrics.family("piecework_tracker_refused_total", Type::kCounter,
                 "Requests refused, by the reason.");
  for (std::size_t i = 0; i < kRefusals; ++i) {
    metrics.sample(status.totals.refused[i],
                   {{"reason", std::string(refusal_name(static_cast<Refusal>(i)))}});
  }
  return metrics.text();
}

}  // namespace piecework::tracker
