// SIGINT and SIGTERM ask a job to stop; a second one ends the process at once. SIGPIPE is ignored,
// so that a closed pipe is an error of write().
#pragma once

#include <atomic>

namespace shardwright {

void catch_signals();

// Set by the first signal; what Monitor::stop points to.
const std::atomic<bool>& stop_wanted();

// The signal that was caught, or 0.
int caught_signal();

}  // namespace shardwright
