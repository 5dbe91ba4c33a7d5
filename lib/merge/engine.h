// Computes the tensors of a plan: the passes that come first, and then any range of the result.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "merge/plan.h"
#include "shardwright/result.h"
#include "tensor/norm_change.h"
#include "tensor/scan.h"
#include "write/planned_file.h"
#include "write/write_files.h"

namespace shardwright {

// The shards of a plan as files to come, whose bytes are computed when they are read.
struct MergeFiles {
  std::vector<std::unique_ptr<PlannedFile>> shards{};
  std::unique_ptr<Preparation> preparation{};  // for write_files()
  // Before it is called, what is read of a tensor that is merged is zeros, until write_files()
  // begins: the plan is looked at. Afterwards it is computed, for a merge whose input this one is:
  // nothing of these files is ever written.
  std::function<void()> compute_when_read{};
  // Tells of bytes of a shard that an earlier run wrote, before write_files() begins with those
  // that are left: their values count as seen, and a tensor that is all there is not computed.
  std::function<void(std::size_t shard, TileRange range, Bytes bytes)> kept{};
  // What was seen of the values of tensor `i` of the plan as they were written; nothing of tensors
  // that are copied.
  std::function<ScanResult(std::size_t i)> watched{};
  // The norms of a tensor that was merged and of what it was merged of, once all of it was written;
  // none of others.
  std::function<std::optional<NormChange>(std::size_t i)> norms{};
};

// kInvalidArgument where a header cannot be made, or a method refuses its values. The plan must
// outlive the result.
Result<MergeFiles> merge_files(const MergePlan& plan);

}  // namespace shardwright
