// Tells the service manager how the daemon is, by datagrams to $NOTIFY_SOCKET (sd_notify(3), whose
// library is not needed for that). Without that variable every call does nothing.
// Safe from any thread, as long as nobody changes the environment.
#pragma once

#include <optional>
#include <string_view>

#include "common/clock.h"

namespace piecework {

// Lines such as "READY=1", "STATUS=…", "STOPPING=1", "WATCHDOG=1", joined by line feeds. Failures
// are nobody's concern but the service manager's, and ignored.
void service_notify(std::string_view state) noexcept;

// "RELOADING=1" with the time stamp that goes with it; "READY=1" ends it.
void service_notify_reloading() noexcept;

// How often "WATCHDOG=1" is to be sent: half of what $WATCHDOG_USEC allows. Nothing when nobody
// asked this process for it.
std::optional<milliseconds> service_watchdog_interval();

}  // namespace piecework
