// The names that peers go by: to a tracker (PROTOCOL.md section 4) and to each other (section 5).
// Pure; safe from any thread.
#pragma once

#include <string_view>

namespace piecework {

// Is it 1–64 bytes of printable ASCII? The blank is one of them (isprint(3)): what an original
// calls itself is its own affair.
bool is_peer_id(std::string_view text);

}  // namespace piecework
