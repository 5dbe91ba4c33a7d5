// One finding of several tensors: its places and files are theirs.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "check/check.h"

namespace shardwright {

// `finding` has a group; its message and fix are for all of them.
inline void report_each(const Model& model, const Reporter& report, Report finding,
                        std::span<const Tensor* const> tensors) {
  for (const Tensor* tensor : tensors) {
    finding.file = model.checkpoint.shards[tensor->shard].file;
    finding.tensor = std::string(tensor->name);
    report(finding);
    // The first says it for all.
    finding.message.clear();
    if (finding.fix) finding.fix->edits.clear();
  }
}

}  // namespace shardwright
