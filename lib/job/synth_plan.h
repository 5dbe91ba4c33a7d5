// What a made checkpoint holds, before a byte of it is written.
#pragma once

#include <cstdint>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/shard_split.h"
#include "job/synth_values.h"
#include "safetensors/writer.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "shardwright/synth_job.h"

namespace shardwright {

struct MadeTensor {
  safetensors::TensorSpec spec{};
  std::uint64_t bytes{};
  ValueStream values{};
};

struct SynthPlan {
  std::vector<MadeTensor> tensors{};
  ShardSplit shards{};  // positions of tensors
};

// The tensors that the rule requires, with weights of `dtype`, and what `options.defect` adds.
Result<SynthPlan> plan_synth(const Expansion& expansion, DType dtype, const SynthOptions& options);

}  // namespace shardwright
