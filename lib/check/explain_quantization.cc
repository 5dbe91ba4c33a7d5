#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "arch/block_quant.h"
#include "check/join_explain.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

QuantForm form_of(const std::map<QuantForm, std::uint64_t>& parts) {
  // The scales of MLX have the name of those of GPTQ; each other form has parts of its own.
  for (const QuantForm form : {QuantForm::kTorchao, QuantForm::kQuanto, QuantForm::kMlx,
                               QuantForm::kModelOpt, QuantForm::kBlockScale, QuantForm::kFourBits,
                               QuantForm::kEightBits, QuantForm::kGptq, QuantForm::kMxfp4}) {
    if (parts.contains(form)) return form;
  }
  return QuantForm::kCompressed;
}

// fp8 weights whose scales have the names that AutoFP8, llm-compressor and vLLM give them, where
// the config names the fp8 of transformers, which looks for weight_scale_inv.
void explain_scale_names(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const std::unordered_set<const ExpectedTensor*> missing(join.missing.begin(), join.missing.end());
  std::unordered_set<const ExpectedTensor*> scales;
  std::unordered_set<std::string_view> modules;
  bool renamed = true;  // and nothing else: then each has its place
  for (const Tensor* tensor : join.unexpected) {
    const auto part = quant_part(tensor->name);
    if (!part || part->part != "weight_scale") continue;
    const std::string weight = weight_of_part(*part);
    const Tensor* stored = checkpoint.find(weight);
    const ExpectedTensor* scale = expected.find(weight + std::string(kScaleEnd));
    if (stored == nullptr || dtype_bits(stored->dtype) > 8 || !missing.contains(scale)) continue;
    scales.insert(scale);
    modules.insert(part->module);
    renamed = renamed && same_shape(scale->shape, tensor->shape);
  }
  if (scales.empty()) return;
  std::unordered_set<const Tensor*> parts;
  for (const Tensor* tensor : join.unexpected) {
    const auto part = quant_part(tensor->name);
    if (!is_cache_scale(tensor->name) && (!part || !modules.contains(part->module))) continue;
    parts.insert(tensor);
    renamed = renamed && part && part->part == "weight_scale";
  }
  if (renamed) return;
  erase_explained(join.missing, scales);
  erase_explained(join.unexpected, parts);
  UnexplainedQuantization found{
      .form = "compressed-tensors", .method = expected.quantization, .modules = scales.size()};
  for (const Tensor& tensor : checkpoint.tensors) {
    if (parts.contains(&tensor)) found.tensors.push_back(&tensor);
  }
  join.unexplained = std::move(found);
}

}  // namespace

void explain_quantization(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (expected.quantization == "fp8") explain_scale_names(checkpoint, expected, join);
  if (!expected.quantization.empty()) return;
  std::map<QuantForm, std::uint64_t> parts;
  std::unordered_set<const ExpectedTensor*> weights;
  std::unordered_set<const Tensor*> stored;
  for (const Tensor* tensor : join.unexpected) {
    const auto part = quant_part(tensor->name);
    if (!part) continue;
    const ExpectedTensor* weight = expected.find(weight_of_part(*part));
    if (weight == nullptr) continue;
    ++parts[part->form];
    weights.insert(weight);
    stored.insert(tensor);
  }
  if (stored.empty()) return;
  for (const Tensor* tensor : join.unexpected) {
    if (is_cache_scale(tensor->name)) stored.insert(tensor);
  }
  for (const ExpectedTensor* weight : weights) {
    if (const Tensor* tensor = checkpoint.find(weight->name)) stored.insert(tensor);
  }
  const auto is_explained = [&](const ExpectedTensor* wanted) { return weights.contains(wanted); };
  std::erase_if(join.missing, is_explained);
  std::erase_if(join.mismatched,
                [&](const ShapeMismatch& mismatch) { return is_explained(mismatch.expected); });
  std::erase_if(join.unexpected, [&](const Tensor* tensor) { return stored.contains(tensor); });
  UnexplainedQuantization found{.form = std::string(quant_form_name(form_of(parts))),
                                .modules = weights.size()};
  for (const Tensor& tensor : checkpoint.tensors) {
    if (stored.contains(&tensor)) found.tensors.push_back(&tensor);
  }
  join.unexplained = std::move(found);
}

}  // namespace shardwright
