// CF313: the config names a quantisation, and no weight is quantised.
// docs/checks/CF313-leftover-quantization.md
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/quantization.h"
#include "check/unruled.h"

namespace shardwright {
namespace {

std::string_view what_follows(PlainUnder outcome) {
  switch (outcome) {
    case PlainUnder::kRefused:
      return "transformers refuses to load them without the package of that method, and with it "
             "looks for quantised weights or quantises these";
    case PlainUnder::kLoaded:
      return "transformers 5.23 reads them as they are, and other loaders refuse the method or "
             "look for its parts";
    default:
      return "loaders look for the parts of quantised weights, and fail or compute with random "
             "values";
  }
}

// Classes whose layers bitsandbytes does not take for linear ones, and leaves as they are: what
// save_pretrained writes of them is plain under the settings, and sound.
//
// Source: transformers 5.23.0, integrations/bitsandbytes.py, which replaces modules of type
// nn.Linear; Falcon has a FalconLinear.
bool is_left_plain(const Model& model, std::string_view method) {
  return method == "bitsandbytes" && model.detection.schema != nullptr &&
         model.detection.schema->name == "falcon";
}

void report_left_plain(const Model& model, const Reporter& report) {
  report(
      {.file = model.checkpoint.config->name,
       .pointer = model.join.quantization_pointer,
       .message = fmt::format(
           "the config says that the weights are quantised by 'bitsandbytes', and none of the {} "
           "stored tensors is: transformers 5 quantises no layer of '{}', and reads them as "
           "they are",
           model.checkpoint.tensors.size(), model.detection.schema->name),
       .severity = Severity::kInfo});
}

void leftover_quantization(const Model& model, const Reporter& report) {
  const std::string& method = model.join.leftover_quantization;
  if (method.empty()) return;
  if (is_left_plain(model, method)) {
    report_left_plain(model, report);
    return;
  }
  const PlainUnder outcome = plain_under(*quantization_settings(model.checkpoint));
  // Code of its own may know a method of its own.
  const bool of_others = model.join.unruled && !model.join.unruled->of_transformers;
  if (outcome == PlainUnder::kLoaded && of_others) return;
  const std::string& pointer = model.join.quantization_pointer;
  const std::string& file = model.checkpoint.config->name;
  report({.file = file,
          .pointer = pointer,
          .message = fmt::format(
              "the config says that the weights are quantised by {}, and none of the {} stored "
              "tensors is: {}",
              quoted(method), model.checkpoint.tensors.size(), what_follows(outcome)),
          .severity = outcome == PlainUnder::kLoaded ? std::optional(Severity::kWarning)
                                                     : severity_without_rule(model.join),
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
