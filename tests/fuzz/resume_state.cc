#include "peer/resume_state.h"

#include "common/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/sample_torrent.h"

namespace piecework::fuzz {

void fuzz_resume_state(std::string_view input) {
  static const Torrent torrent = sample_torrent(37, 1).torrent;
  peer::ResumeState state;
  try {
    state = peer::parse_resume_state(input, torrent);
  } catch (const JsonError&) {
    return;
  }
  must(state.verified.size() == torrent.layout.count(), "it says of each piece what is known");
  const std::string text = peer::format_resume_state(torrent, state);
  const peer::ResumeState again = peer::parse_resume_state(text, torrent);
  must(again.files == state.files && again.complete == state.complete &&
           again.clean == state.clean && again.verified == state.verified &&
           again.seeding == state.seeding,
       "a state is written as it was read");
}

}  // namespace piecework::fuzz
