#include "merge/plan_parts.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "checkpoint/shard_split.h"
#include "merge/dequantize.h"

namespace shardwright {

void tell_quantized(std::span<const MergeInput> inputs, MergePlan& plan,
                    std::vector<Mistake>& mistakes) {
  for (const MergeInput& input : inputs) {
    const ModelRef& model = input.model;
    if (input.dequantized == nullptr) continue;
    const Dequantization& values = *input.dequantized;
    if (!values.refusal.empty()) {
      mistakes.push_back(
          {model.at, fmt::format("{} is quantised: {}", quoted(model.text), values.refusal)});
      continue;
    }
    plan.notes.push_back(
        fmt::format("{} has {} fp8 weights: each is read as its value times the scale of its block",
                    quoted(model.text), values.tensors.size()));
  }
}

void order_and_split(MergePlan& plan, std::uint64_t max_shard_size) {
  std::ranges::stable_sort(plan.tensors, natural_less, &PlannedTensor::name);
  std::vector<std::uint64_t> bytes;
  for (const PlannedTensor& tensor : plan.tensors) {
    bytes.push_back(bytes_of(tensor));
    plan.tensor_bytes += bytes.back();
    for (const TensorInput& input : tensor.inputs) {
      const auto passes = tensor.action == TensorAction::kMerge
                              ? static_cast<std::uint64_t>(plan.method->passes) + 1
                              : 1;
      plan.read_bytes += input.read_bytes * passes;
    }
  }
  plan.shards = split_by_size(bytes, max_shard_size);
}

}  // namespace shardwright
