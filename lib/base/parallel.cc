#include "base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "base/text.h"

namespace shardwright {
namespace {

constexpr int kMostThreads = 64;  // on fewer cores: more would gain nothing, and may not start

// "MAX PERIOD" in microseconds, or "max PERIOD".
int quota_in(const std::string& group) {
  std::ifstream file(group + "/cpu.max");
  std::string quota;
  std::uint64_t period = 0;
  if (!(file >> quota >> period) || period == 0) return 0;
  const auto limit = parse_u64(quota);
  if (!limit) return 0;
  // Written so that no sum can overflow.
  const std::uint64_t cores = *limit / period + (*limit % period != 0 ? 1 : 0);
  return static_cast<int>(std::clamp<std::uint64_t>(cores, 1, 4096));
}

}  // namespace

int cgroup_cores(const std::string& mounted, const std::string& membership) {
  std::string group;
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) group = line.substr(3);
  }
  int least = 0;
  while (true) {
    const int cores = quota_in(mounted + group);
    if (cores > 0 && (least == 0 || cores < least)) least = cores;
    if (group.empty()) return least;
    group.erase(group.rfind('/'));
  }
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const int limit = cgroup_cores("/sys/fs/cgroup", "/proc/self/cgroup"); limit > 0)
    cores = std::min(cores, limit);
  return std::max(cores, 1);
}

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
  const int cores = available_cores();
  threads = threads <= 0 ? cores : std::min(threads, std::max(cores, kMostThreads));
  if (count <= 1 || threads == 1) {
    for (std::size_t i = 0; i < count; ++i)
      body(i);
    return;
  }
  // TBB would print a warning where more are asked for than it has.
  std::optional<tbb::global_control> more;
  if (threads > tbb::info::default_concurrency()) {
    more.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  }
  tbb::task_arena arena(threads);
  arena.execute([&] { tbb::parallel_for(std::size_t{0}, count, body, tbb::simple_partitioner{}); });
}

}  // namespace shardwright
