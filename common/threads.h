// How this project starts threads: named, with a stack of a set size, never detached.
// Safe from any thread.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace piecework {

// The stack of every thread started after this call (pthread_setattr_default_np(3)), main excepted.
// Call first thing in main.
void set_thread_stack_size();

// Runs `body` in a new thread called `name` (cut to 15 bytes, pthread_setname_np(3)). Signals that
// ShutdownSignals handles stay with the main thread. Throws std::system_error when there is no
// thread to be had. `body` must not throw.
std::thread start_thread(const std::string& name, std::function<void()> body);

}  // namespace piecework
