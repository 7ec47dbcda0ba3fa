#include <string>

#include "common/errors.h"
#include "peer/peer_config.h"
#include "tests/fuzz/fuzz.h"
#include "tracker/tracker_config.h"

namespace piecework::fuzz {
namespace {

// `schema_of` makes the schema of a Config, with its defaults.
template <typename Config, typename SchemaOf>
void fuzz_config(std::string_view input, SchemaOf schema_of) {
  Config config;
  ConfigSchema schema = schema_of(config);
  try {
    schema.load_text(input, "input");
  } catch (const ConfigError& error) {
    must(std::string_view(error.what()).starts_with("input:"), "an error says where it is");
    return;
  }
  Config again_config;
  ConfigSchema again = schema_of(again_config);
  again.load_text(schema.dump(), "dump");
  must(again.dump() == schema.dump(), "what is dumped loads to the same settings");
}

}  // namespace

void fuzz_peer_config(std::string_view input) {
  fuzz_config<peer::PeerConfig>(input, peer::peer_schema);
}

void fuzz_tracker_config(std::string_view input) {
  fuzz_config<tracker::TrackerConfig>(input, tracker::tracker_schema);
}

}  // namespace piecework::fuzz
