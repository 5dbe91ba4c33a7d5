// A loop over all cores.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace shardwright {

// Cores that the quotas of cgroup v2 allow this process; 0 where none is set. `mounted` is the
// folder of the hierarchy, `membership` a file as /proc/self/cgroup, which names the group in it. A
// limit of a group above holds as well; inside a container the group's own name may not exist.
int cgroup_cores(const std::string& mounted, const std::string& membership);

// Cores that this process may use: the affinity mask and the cgroup's quota, at least 1.
int available_cores();

// Calls body(i) for i in [0, count) on at most `threads` threads (0: all available), in no order.
// body must not throw.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace shardwright
