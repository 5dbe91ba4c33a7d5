// ME804: experts of one layer have different tensors or shapes.
// docs/checks/ME804-unequal-experts.md
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/expert_names.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// A tensor of an expert that is not as those of most experts of its layer; null where it is absent.
struct OddTensor {
  std::int32_t expert{};
  std::string_view part{};  // what its name has behind the expert's number
  const Tensor* stored{};
  const Tensor* usual{};
};

// Those of one part, by expert.
using PartOfExperts = std::map<std::int32_t, const Tensor*>;

// The tensor of the shape that more than half of `experts` have; null where there is none.
const Tensor* usual_tensor(const PartOfExperts& tensors, std::size_t experts) {
  std::map<std::vector<std::uint64_t>, std::size_t> counts;
  for (const auto& [number, tensor] : tensors) {
    const ShapeView shape = tensor->shape;
    if (2 * ++counts[{shape.begin(), shape.end()}] > experts) return tensor;
  }
  return nullptr;
}

std::vector<OddTensor> odd_tensors(const NamedExperts& layer) {
  std::map<std::string_view, PartOfExperts> parts;
  for (const auto& [number, tensors] : layer.experts) {
    for (const auto& [part, tensor] : tensors)
      parts[part][number] = tensor;
  }
  std::vector<OddTensor> odd;
  for (const auto& [part, tensors] : parts) {
    const Tensor* usual = usual_tensor(tensors, layer.experts.size());
    if (usual == nullptr) continue;
    for (const auto& [number, all] : layer.experts) {
      const auto found = tensors.find(number);
      const Tensor* stored = found == tensors.end() ? nullptr : found->second;
      if (stored == nullptr || !same_shape(stored->shape, usual->shape))
        odd.push_back({number, part, stored, usual});
    }
  }
  return odd;
}

void unequal_experts(const Model& model, const Reporter& report) {
  // Packed weights may have other shapes where they have other precisions.
  const json::Value* config = model.checkpoint.config_value();
  if (config != nullptr && config->find("quantization_config") != nullptr) return;
  for (const NamedLayers& layers : named_experts(model)) {
    std::vector<std::pair<const NamedExperts*, std::vector<OddTensor>>> found;
    for (const NamedExperts& layer : layers) {
      if (auto odd = odd_tensors(layer); !odd.empty()) found.emplace_back(&layer, std::move(odd));
    }
    const bool most_are_equal = layers.size() > 2 * found.size();
    for (const auto& [layer, odd] : found) {
      for (const OddTensor& tensor : odd) {
        const std::string name = fmt::format("{}{}.{}", layer->under, tensor.expert, tensor.part);
        const Tensor& there = tensor.stored == nullptr ? *tensor.usual : *tensor.stored;
        report({.file = model.checkpoint.shards[there.shard].file,
                .tensor = name,
                .message =
                    fmt::format("{} {}, and {} of most experts beside it is {}", quoted(name),
                                tensor.stored == nullptr
                                    ? std::string("is missing")
                                    : fmt::format("has shape {}", shape_text(tensor.stored->shape)),
                                quoted(tensor.part), shape_text(tensor.usual->shape)),
                .severity = most_are_equal ? Severity::kWarning : Severity::kInfo,
                .fix = no_fix("compare it with the model that this one was made from"),
                .group = "all"});
      }
    }
  }
}

}  // namespace

extern const Check kUnequalExperts;
constinit const Check kUnequalExperts{
    .code = "ME804",
    .name = "unequal-experts",
    .summary = "experts of one layer have different tensors or shapes",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unequal_experts,
};

}  // namespace shardwright
