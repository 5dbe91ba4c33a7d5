// AR406: a weight is stored in a dtype that cannot hold it.
// docs/checks/AR406-wrong-dtype.md
#include <unordered_set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void wrong_dtype(const Model& model, const Reporter& report) {
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
      report(
          {.file = file,
           .tensor = std::string(tensor.name),
           .message =
               fmt::format("{} is stored as {}, and it is a weight: transformers reads its bits as "
                           "integers and computes with them",
                           quoted(tensor.name), dtype_name(tensor.dtype)),
           .fix = no_fix(
               "the header does not say what the bits once were: write the tensor again in its own "
               "dtype"),
           .group = std::string(dtype_name(tensor.dtype))});
    } else if (dtype_bits(tensor.dtype) <= 8 && expected->dtype != ExpectedDType::kFp8) {
      report({.file = file,
              .tensor = std::string(tensor.name),
              .message = fmt::format(
                  "{} is stored as {}, and the config has no quantization_config that explains "
                  "it: transformers computes with unscaled values",
                  quoted(tensor.name), dtype_name(tensor.dtype)),
              .fix = no_fix(
                  "the scales are not known: take the config.json of the model that was quantised"),
              .group = std::string(dtype_name(tensor.dtype))});
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
