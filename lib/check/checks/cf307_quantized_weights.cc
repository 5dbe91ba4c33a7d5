// CF307: the weights are quantised in a form that no rule describes.
// docs/checks/CF307-quantized-weights.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

void quantized_weights(const Model& model, const Reporter& report) {
  if (model.join.quantization.empty()) return;
  const bool shows = shows_quantization(model.checkpoint);
  report(
      {.file = model.checkpoint.config->name,
       .pointer = model.join.quantization_pointer,
       .message = fmt::format("{} by {}: their {} with the rule "
                              "'{}', their shapes as far as the settings say them, everything "
                              "else was checked",
                              shows ? "the weights are quantised"
                                    : "the weights are stored plain, in spite of the quantisation",
                              quoted(model.join.quantization),
                              model.join.modules_compared ? "modules were compared by name"
                                                          : "names were not compared",
                              model.expected->schema->name)});
}

}  // namespace

extern const Check kQuantizedWeights;
constinit const Check kQuantizedWeights{
    .code = "CF307",
    .name = "quantized-weights",
    .summary = "the weights are quantised in a form that no rule describes",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = quantized_weights,
};

}  // namespace shardwright
