// AR402: a stored tensor is none of the architecture's.
// docs/checks/AR402-unexpected-tensor.md
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/needless.h"
#include "check/plain_modules.h"
#include "check/quant_name.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr const char* kUnexpectedConsequence =
    ": transformers reports it as UNEXPECTED and leaves it out";

// The scale of an fp8 weight that the config says is none.
bool is_scale_of_skipped(const Model& model, const Tensor& stored) {
  constexpr std::string_view kScaleEnding = "_scale_inv";
  if (model.expected->quantization != "fp8" || !stored.name.ends_with(kScaleEnding)) return false;
  const std::string_view weight = stored.name.substr(0, stored.name.size() - kScaleEnding.size());
  const Tensor* scaled = model.checkpoint.find(weight);
  return scaled != nullptr && dtype_bits(scaled->dtype) <= 8 && model.expected->find(weight);
}

// Of a quantised weight that the rule knows, in a form that the config does not mean.
bool is_part_of_known(const Model& model, const Tensor& stored) {
  const auto part = quant_part(stored.name);
  return part && model.expected->find(weight_of_part(*part)) != nullptr;
}

// "drop the 3 tensors, 1.2 MB, that 'llama' has no place for"
std::string drop_summary(const Model& model, const std::vector<const Tensor*>& needless) {
  std::uint64_t bytes = 0;
  for (const Tensor* tensor : needless)
    bytes = checked_add(bytes, tensor->bytes).value_or(bytes);
  return fmt::format("drop {} of {} that '{}' has no place for: all that it needs is there",
                     counted(needless.size(), "tensor"), human_bytes(bytes),
                     model.expected->schema->name);
}

void beside_quantized(const Model& model, const Reporter& report) {
  const bool refuses = model.join.quantization == "torchao";
  for (const Tensor* stored : plain_beside_quantized(model.checkpoint, model.join)) {
    report({.file = model.checkpoint.shards[stored->shard].file,
            .tensor = std::string(stored->name),
            .message = fmt::format(
                "{} is stored plain, as {}, beside the parts in which {} stores it: {}",
                quoted(stored->name), dtype_name(stored->dtype), quoted(model.join.quantization),
                refuses ? "transformers refuses to load both"
                        : "transformers computes with the parts, reports this as UNEXPECTED and "
                          "leaves it out"),
            .fix = no_fix("nothing proves that both are the same weight: compare them, and write "
                          "the checkpoint again without the one that is not meant"),
            .group = "beside"});
  }
}

// One place, and a tensor for it with and without the prefix.
Report under_two_prefixes(const Model& model, const Tensor& stored, std::string_view other) {
  return {.file = model.checkpoint.shards[stored.shard].file,
          .tensor = std::string(stored.name),
          .message = fmt::format(
              "{} {} is stored, and so is {}, which is the same tensor to transformers: it takes "
              "one of the two, and does not report the other",
              quoted(stored.name), shape_text(stored.shape), quoted(other)),
          .fix = no_fix("nothing proves that both are the same: compare them, and write the "
                        "checkpoint again without those that are not meant"),
          .group = "prefixes"};
}

void unexpected_tensor(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  beside_quantized(model, report);
  if (has_foreign_names(join)) return;
  const std::vector<const Tensor*> needless = needless_tensors(model);
  const std::string drop = needless.empty() ? "" : drop_summary(model, needless);
  Beginnings known;
  if (!join.unexpected.empty()) known = beginnings(*model.expected);
  for (const Tensor* stored : join.unexpected) {
    if (is_scale_of_skipped(model, *stored)) continue;  // AR406
    if (const ExpectedTensor* other = with_other_prefix(*model.expected, *stored);
        other != nullptr && model.checkpoint.find(other->name) != nullptr) {
      report(under_two_prefixes(model, *stored, other->name));
      continue;
    }
    const std::string what =
        fmt::format("{} {} is stored, and '{}' has no such tensor", quoted(stored->name),
                    shape_text(stored->shape), model.expected->schema->name);
    // Tensors of a module that no name of the rule begins with are one finding.
    const std::string_view module = unknown_module(known, stored->name);
    const std::string& file = model.checkpoint.shards[stored->shard].file;
    if (!needless.empty()) {
      report({.file = file,
              .tensor = std::string(stored->name),
              .message = what + kUnexpectedConsequence,
              .fix = unsafe_fix(drop, {edit::DropTensor{file, std::string(stored->name)}}),
              .group = "needless"});
      continue;
    }
    report({.file = file,
            .tensor = std::string(stored->name),
            .message = what + kUnexpectedConsequence,
            .fix = no_fix(module.empty()
                              ? "it may be a tensor that the config does not know of: compare the "
                                "config with the model that the weights come from"
                              : "the weights have a module more than the config: compare the "
                                "config with the model that the weights come from"),
            .group = is_part_of_known(model, *stored) ? "parts" : std::string(module)});
  }
}

}  // namespace

extern const Check kUnexpectedTensor;
constinit const Check kUnexpectedTensor{
    .code = "AR402",
    .name = "unexpected-tensor",
    .summary = "a stored tensor is none of the architecture's",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = unexpected_tensor,
};

}  // namespace shardwright
