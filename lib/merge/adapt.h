// An adapter applied to the tensors of its base: each becomes a source of bytes that computes
// itself when it is read.
//
// The delta of a pair is scale * B A (Hu et al. 2021), with scale = alpha / r, or alpha / sqrt(r)
// for rsLoRA (Kalajdzievski 2023); docs/lora.md has the forms, and what PEFT 0.21.2 makes of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "merge/plan.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"

namespace shardwright {

// A tensor of the base, as it is with the adapter.
struct Adapted {
  std::string_view name{};
  Tensor tensor{};             // computed ones are F32, whatever the base stores
  DType stored{};              // the base's dtype: what a result has where the recipe asks for none
  const Tensor* base{};        // as it is stored; of a tied head, the embedding
  std::uint64_t read_bytes{};  // for all of it
};

struct Adaptation {
  std::vector<Adapted> tensors{};     // by name
  std::vector<std::string> untied{};  // tied targets that do not repeat their source any more
  std::uint64_t modules{};            // pairs of the adapter
  std::uint64_t applied{};            // of them
  std::uint64_t saved{};              // parameters that the adapter holds whole, and sets of rows
  // Pairs without a target, wrong shapes...: with one of them nothing may be merged.
  std::vector<std::string> problems{};
  std::vector<std::string> notes{};
  std::vector<std::shared_ptr<const ByteSource>> sources{};  // owns what `tensors` point to

  [[nodiscard]] const Adapted* find(std::string_view name) const;
};

// `input` and `adapter` must outlive the result. `rounds`: the tensors are rounded to the base's
// dtype, as those are that the peer merges. An Error as read_adapter() has it.
Result<Adaptation> adapt(const MergeInput& input, const Checkpoint& adapter, bool rounds);

}  // namespace shardwright
