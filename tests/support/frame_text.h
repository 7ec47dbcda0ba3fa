// Frames between peers as people read them: "KeepAlive", "Interested", "Have 3", "Request 258",
// "Piece 1" (its data is not shown), "Bitfield 1001", "Bitfield 1001 greeting", and "?" with the
// bytes in hex for what is none of these.
// Pure functions; safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace piecework {

// Of one frame's body.
std::string frame_text(std::string_view body);
// Of whole frames with their headers, ", " between them.
std::string frames_text(std::string_view frames);

}  // namespace piecework
