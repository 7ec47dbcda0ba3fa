// What strangers' bytes are fed to: one function for each reader of them. A target takes any bytes,
// returns when its reader has behaved as its header says, and throws Broken when it has not; any
// other exception is one that the reader should not have thrown. libfuzzer.cc runs one target on
// inputs without end (make fuzz), corpus_test.cc all of them on those that are kept (make test).
// Pure functions but for sockets of their own; safe from any thread.
#pragma once

#include <span>
#include <stdexcept>
#include <string_view>

#include "common/stream.h"

namespace piecework::fuzz {

// A promise of a header that was not kept; what() is the promise.
class Broken : public std::logic_error {
  using std::logic_error::logic_error;
};

// Throws Broken unless `kept`.
void must(bool kept, const char* promise);

// A stream that brings `bytes`, at most kMaxStreamBytes of them, and ends.
inline constexpr std::size_t kMaxStreamBytes = 32 << 10;
Stream stream_of(std::string_view bytes);

struct Target {
  std::string_view name;  // and that of its directory in tests/fuzz/corpus
  void (*run)(std::string_view input);
};
std::span<const Target> targets();

void fuzz_announce_request(std::string_view input);   // common/announce.h
void fuzz_announce_response(std::string_view input);  // common/announce.h
void fuzz_endpoint(std::string_view input);           // common/endpoint.h
// common/frame.h: two bytes are the limit, big-endian; the others arrive.
void fuzz_frame(std::string_view input);
void fuzz_json(std::string_view input);  // common/json.h
// common/messages.h: one byte is the number of pieces, one their length, both less 1; the others
// arrive.
void fuzz_message(std::string_view input);
void fuzz_peer_config(std::string_view input);   // common/yaml_file.h, config_file.h
void fuzz_python_repr(std::string_view input);   // common/python_repr.h
void fuzz_torrent(std::string_view input);       // common/torrent.h
void fuzz_first_frame(std::string_view input);   // peer/handshake.h
void fuzz_greeting(std::string_view input);      // peer/handshake.h
void fuzz_resume_state(std::string_view input);  // peer/resume_state.h, of a torrent of 37 pieces
void fuzz_tracker_config(std::string_view input);

}  // namespace piecework::fuzz
