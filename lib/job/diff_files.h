// What lies beside the weights of two checkpoints.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "shardwright/diff_job.h"
#include "shardwright/result.h"

namespace shardwright {

// Compares the JSON files that both have by their values, config.json first; gives their names.
std::set<std::string> compare_json_files(const Checkpoint& a, const Checkpoint& b,
                                         DiffReport& report);

// A file that both have in one size: only its bytes tell.
struct OpenFile {
  std::unique_ptr<ByteSource> a{}, b{};
  FileDiff row{};
};

// Compares the other files of two folders, but for those `compared` already; gives those that are
// to be read.
Result<std::vector<OpenFile>> pair_files(const Checkpoint& a, const Checkpoint& b,
                                         const std::set<std::string>& compared, DiffReport& report);

}  // namespace shardwright
