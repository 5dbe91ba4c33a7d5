// `shardwright lora` as library calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/merge_job.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

// The base with the adapter in it, written to `options.output` in the dtypes of the base: a merge
// by a recipe that names both, and nothing else. Everything that merge() promises holds.
// kUnsupported where the adapter is none of LoRA, or of a form that no weight can express.
Result<MergeReport> lora_merge(const std::string& base, const std::string& adapter,
                               const MergeOptions& options);

struct VerifyOptions {
  std::string rules_dir{};
  int threads{};  // 0: all available
  Monitor monitor{};
};

enum class DeltaState : std::uint8_t {
  kApplied,  // the merged tensor is base and delta, but for roundings
  kMissing,  // no part of the delta is in it
  kOther,    // it is neither
};
std::string_view state_name(DeltaState state);  // "applied", "missing", "other"

// A tensor that the adapter changes, in the model that should hold the change.
struct VerifiedTensor {
  std::string name{};
  DeltaState state{};
  // How much of the delta is there, by least squares: 0 none, 1 all. 1 where the delta is zero.
  double share{};
  double largest{};       // difference to base and delta of one element
  std::uint64_t apart{};  // elements that differ by more than roundings
  std::string why{};      // where it could not be compared: absent, of another shape...
};

struct VerifyReport {
  std::string base{}, adapter{}, merged{};
  AppliedAdapter applied{};  // with a problem, nothing is compared
  std::vector<VerifiedTensor> tensors{};
  std::vector<std::string> notes{};

  [[nodiscard]] bool is_clean() const;  // no problem, and every tensor is kApplied
};

// Which deltas of the adapter `merged` lacks. An element counts as there where it is no further
// from base + delta than two roundings to the base's or the merged model's dtype, whichever is
// coarser: as far as a merge that rounds the delta and the sum can be. kNotFound, kIo and
// kUnsupported as lora_merge() has them.
Result<VerifyReport> lora_verify(const std::string& base, const std::string& adapter,
                                 const std::string& merged, const VerifyOptions& options);

}  // namespace shardwright
