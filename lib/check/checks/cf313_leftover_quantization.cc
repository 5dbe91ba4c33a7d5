// CF313: the config names a quantisation, and no weight is quantised.
// docs/checks/CF313-leftover-quantization.md
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/unruled.h"

namespace shardwright {
namespace {

void leftover_quantization(const Model& model, const Reporter& report) {
  const std::string& method = model.join.leftover_quantization;
  if (method.empty()) return;
  const std::string& pointer = model.join.quantization_pointer;
  const std::string& file = model.checkpoint.config->name;
  report({.file = file,
          .pointer = pointer,
          .message = fmt::format(
              "the config says that the weights are quantised by {}, and none of the {} stored "
              "tensors is: loaders look for the parts of quantised weights, and fail or compute "
              "with random values",
              quoted(method), model.checkpoint.tensors.size()),
          .severity = severity_without_rule(model.join),
          .fix = unsafe_fix(
              fmt::format("set {} to null, since the weights are plain", pointer.substr(1)),
              {edit::SetJson{file, pointer, "null"}})});
}

}  // namespace

extern const Check kLeftoverQuantization;
constinit const Check kLeftoverQuantization{
    .code = "CF313",
    .name = "leftover-quantization",
    .summary = "the config names a quantisation, and no weight is quantised",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = leftover_quantization,
};

}  // namespace shardwright
