#include "job/describe_plan.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "checkpoint/shard_split.h"
#include "merge/plan_digest.h"

namespace shardwright {

void describe_plan(const MergePlan& plan, std::span<const MergeModel> models, MergeReport& report) {
  std::vector<std::size_t> shard_of(plan.tensors.size());
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    for (const std::size_t tensor : plan.shards[i])
      shard_of[tensor] = i;
  }
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const PlannedTensor& tensor = plan.tensors[i];
    MergedTensor row{.name = tensor.name,
                     .dtype = tensor.dtype,
                     .shape = tensor.shape,
                     .bytes = bytes_of(tensor),
                     .file = shard_name(shard_of[i], plan.shards.size()),
                     .action = tensor.action == TensorAction::kMerge  ? "merge"
                               : tensor.action == TensorAction::kCast ? "cast"
                                                                      : "copy",
                     .why = tensor.why};
    for (const TensorInput& input : tensor.inputs) {
      const std::string& model = models[input.model].ref.text;
      row.sources.push_back(input.tensor.name == tensor.name
                                ? model
                                : fmt::format("{}: {}", model, input.tensor.name));
    }
    report.tensors.push_back(std::move(row));
  }
  for (const DroppedTensor& drop : plan.dropped)
    report.dropped.push_back({models[drop.model].ref.text, drop.name, drop.why});
  for (const MergeModel& model : models) {
    if (!model.adaptation) continue;
    report.notes.insert(report.notes.end(), model.adaptation->notes.begin(),
                        model.adaptation->notes.end());
  }
  report.notes.insert(report.notes.end(), plan.notes.begin(), plan.notes.end());
  report.gates = plan.gates;
  report.digest = digest_text(digest_of_plan(plan));
  report.shards = plan.shards.size();
  report.tensor_bytes = plan.tensor_bytes;
  report.read_bytes = plan.read_bytes;
  report.passes = plan.method == nullptr ? 1 : static_cast<std::uint64_t>(plan.method->passes) + 1;
}

}  // namespace shardwright
