// A loop over all cores.
#pragma once

#include <cstddef>
#include <functional>

namespace shardwright {

// Cores that this process may use: the affinity mask and the cgroup's quota, at least 1.
int available_cores();

// Calls body(i) for i in [0, count) on at most `threads` threads (0: all available), in no order.
// body must not throw.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace shardwright
