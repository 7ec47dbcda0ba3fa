#include "tracker/tracker_metrics.h"

#include "common/metrics.h"

namespace piecework::tracker {
namespace {

using Type = MetricsText::Type;

}  // namespace

std::string format_tracker_metrics(const TrackerStatus& status, seconds started,
                                   std::optional<seconds> certificate_expiry) {
  MetricsText metrics(MetricsText::Labels{{"port", std::to_string(status.listening.front().port)}});
  metrics.add({.prefix = "piecework_tracker",
               .program = "trackerd",
               .started = started,
               .connections = status.connections,
               .denied = status.denied,
               .certificate_expiry = certificate_expiry});
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
