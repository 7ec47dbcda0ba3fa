// Which Piecework this is.
// Immutable values; safe from any thread.
#pragma once

#include <string_view>

namespace piecework {

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kAgent =
    "piecework/0.1";  // in the greeting (PROTOCOL.md section 5)

}  // namespace piecework
