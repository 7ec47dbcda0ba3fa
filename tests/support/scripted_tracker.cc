#include "tests/support/scripted_tracker.h"

#include <exception>

#include "common/announce.h"
#include "common/frame.h"
#include "tests/support/eventually.h"

namespace piecework {

ScriptedTracker::ScriptedTracker(std::vector<std::string> answers)
    : thread_([this, answers = std::move(answers)] { run(answers); }) {}

ScriptedTracker::~ScriptedTracker() {
  requests();
}

const std::vector<std::string>& ScriptedTracker::requests() {
  if (thread_.joinable()) thread_.join();
  return requests_;
}

void ScriptedTracker::run(const std::vector<std::string>& answers) {
  try {
    for (const std::string& answer : answers) {
      Stream stream = listener_.accept();
      requests_.push_back(recv_text_frame(stream, kMaxAnnounceRequestBytes, soon()).value_or(""));
      stream.send_all(bytes_of(answer), soon());
    }
  } catch (const std::exception&) {  // the requests tell how far it came
  }
}

std::string framed(std::string_view text) {
  return text_of(encode_frame_header(text.size())) + std::string(text);
}

}  // namespace piecework
