// AR406: a weight is stored in a dtype that cannot hold it.
// docs/checks/AR406-wrong-dtype.md
#include <string>
#include <unordered_set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

const Tensor* scale_of(const Checkpoint& checkpoint, const Tensor& weight) {
  return checkpoint.find(std::string(weight.name) + "_scale_inv");
}

void report_whole_numbers(const Model& model, const Tensor& tensor, const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message =
              fmt::format("{} is stored as {}, and it is a weight: transformers reads its bits as "
                          "integers and computes with them",
                          quoted(tensor.name), dtype_name(tensor.dtype)),
          .fix = no_fix("the header does not say what the bits once were: write the tensor again "
                        "in its own dtype"),
          .group = std::string(dtype_name(tensor.dtype))});
}

void report_unscaled(const Model& model, const Tensor& tensor, const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message = fmt::format(
              "{} is stored as {}, and the config has no quantization_config that explains "
              "it: transformers computes with unscaled values",
              quoted(tensor.name), dtype_name(tensor.dtype)),
          .fix = no_fix("the scales are not known: take the config.json of the model that was "
                        "quantised"),
          .group = std::string(dtype_name(tensor.dtype))});
}

void wrong_dtype_without_rule(const Model& model, const Reporter& report) {
  for (const Tensor* tensor : model.join.unruled->unscaled) {
    const bool is_float = dtype_class(tensor->dtype) == DTypeClass::kFloat;
    (is_float ? report_unscaled : report_whole_numbers)(model, *tensor, report);
  }
}

void wrong_dtype(const Model& model, const Reporter& report) {
  if (model.join.unruled) wrong_dtype_without_rule(model, report);
  if (!model.join.compared) return;
  std::unordered_set<const Tensor*> explained;  // AR417
  if (model.join.unexplained) {
    explained.insert(model.join.unexplained->tensors.begin(),
                     model.join.unexplained->tensors.end());
  }
  for (const Tensor& tensor : model.checkpoint.tensors) {
    const ExpectedTensor* expected = model.expected_of(tensor);
    if (expected == nullptr || expected->dtype == ExpectedDType::kAny ||
        explained.contains(&tensor)) {
      continue;
    }
    const std::string& file = model.checkpoint.shards[tensor.shard].file;
    if (dtype_class(tensor.dtype) != DTypeClass::kFloat) {
      report_whole_numbers(model, tensor, report);
    } else if (dtype_bits(tensor.dtype) > 8 && expected->dtype == ExpectedDType::kFp8 &&
               scale_of(model.checkpoint, tensor) != nullptr) {
      report({.file = file,
              .tensor = std::string(tensor.name),
              .message = fmt::format(
                  "{} is stored as {} and has a scale beside it, {}: transformers multiplies it by "
                  "the scale and computes with wrong values",
                  quoted(tensor.name), dtype_name(tensor.dtype),
                  quoted(scale_of(model.checkpoint, tensor)->name)),
              .fix = no_fix("whether the weight was dequantised or the scale is another's, the "
                            "bytes do not say: write it again, or drop the scale and name the "
                            "module in modules_to_not_convert"),
              .group = "scaled"});
    } else if (dtype_bits(tensor.dtype) <= 8 && expected->dtype != ExpectedDType::kFp8 &&
               scale_of(model.checkpoint, tensor) != nullptr) {
      report({.file = file,
              .tensor = std::string(tensor.name),
              .message = fmt::format(
                  "{} is stored as {} with a scale, and modules_to_not_convert of the config names "
                  "its module: loaders read it as a plain weight and compute with unscaled values",
                  quoted(tensor.name), dtype_name(tensor.dtype)),
              .fix = no_fix("take the module out of modules_to_not_convert"),
              .group = "skipped"});
    } else if (dtype_bits(tensor.dtype) <= 8 && expected->dtype != ExpectedDType::kFp8) {
      report_unscaled(model, tensor, report);
    }
  }
}

}  // namespace

extern const Check kWrongDType;
constinit const Check kWrongDType{
    .code = "AR406",
    .name = "wrong-dtype",
    .summary = "a weight is stored in a dtype that cannot hold it",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = wrong_dtype,
};

}  // namespace shardwright
