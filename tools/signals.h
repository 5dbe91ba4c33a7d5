// SIGINT, SIGTERM and SIGHUP ask a job to stop; a second one ends the process at once. Where SIGHUP
// is ignored from the start, as under nohup, it stays so. SIGPIPE and SIGXFSZ are ignored, so that
// a closed pipe and a limit on the size of files are errors of write().
#pragma once

#include <atomic>

namespace shardwright {

void catch_signals();

// Set by the first signal; what Monitor::stop points to.
const std::atomic<bool>& stop_wanted();

// The signal that was caught, or 0.
int caught_signal();

}  // namespace shardwright
