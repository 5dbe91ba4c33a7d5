// What carrying out a merge's plan will take: threads, memory, disk and time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "merge/plan.h"
#include "shardwright/result.h"

namespace shardwright {

struct MergeThreads {
  int computing{};
  int waiting{};               // more, which wait for the disk
  std::uint64_t peak_bytes{};  // of the whole process, at most
};

// As many threads as were asked for (0: all cores) and as fit into `limit` bytes of memory, if that
// is set. `plans`: those of all documents; the last is carried out, and the others as it reads
// them. kInvalidArgument where not even one does: names the least that is needed.
Result<MergeThreads> merge_threads(std::span<const MergePlan* const> plans, int threads,
                                   std::optional<std::uint64_t> limit);

// Seconds that reading and computing will take on so many threads, by the time that parts of some
// tensors take now. What the disk needs for the result is not in it.
Result<double> merge_seconds(const MergePlan& plan, int threads);

// kIo where `bytes` do not fit where `output` is, or would be; `held` bytes there are taken by what
// goes, or is gone on with.
Status check_space(const std::string& output, std::uint64_t bytes, std::uint64_t held = 0);

}  // namespace shardwright
