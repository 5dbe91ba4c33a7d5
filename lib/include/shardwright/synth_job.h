// `shardwright synth` as a library call: writes a checkpoint of an architecture, with seeded random
// weights.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

struct SynthOptions {
  std::string schema{};  // a rule's name or a model type
  std::string output{};  // a new or empty folder
  std::string
      config_file{};  // kept as it is but for `set` and what it lacks; empty: the rule's example
  // Keys of the config, with dots into nested objects, and their values: JSON, or else plain text.
  std::vector<std::pair<std::string, std::string>> set{};
  std::string dtype{};     // "bf16", "f16" or "f32"; empty: the config's, or bf16
  std::string layout{};    // the form on disk; empty: the hub's
  std::uint64_t shards{};  // so many of nearly equal size; 0: by max_shard_size
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::uint64_t seed{};
  bool sparse{};         // all weights are zero, and take no space on disk
  std::string defect{};  // what to do wrong (synth_defects()); empty: nothing
  std::string rules_dir{};
  int threads{};  // 0: all available. The bytes do not depend on it.
  Monitor monitor{};
};

struct SynthReport {
  std::string schema{};  // the rule's name
  std::uint64_t shards{};
  std::uint64_t tensors{};
  std::uint64_t parameters{};  // elements of all tensors but fp8 block scales
  std::uint64_t tensor_bytes{};
};

// Matrices and biases are drawn about 0 with a deviation of 0.02, norms about 1, block scales
// between 0.0005 and 0.0015. A weight depends on seed, tensor name and position alone. Tied heads
// are not stored. kInvalidArgument for a config that the rule refuses, or an output that is not
// empty.
Result<SynthReport> synth(const SynthOptions& options);

struct SynthDefect {
  std::string_view name;
  std::string_view what;
};
std::vector<SynthDefect> synth_defects();

}  // namespace shardwright
