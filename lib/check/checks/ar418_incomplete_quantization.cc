// AR418: a quantised module lacks a part of what it is stored in.
// docs/checks/AR418-incomplete-quantization.md
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/lacking_parts.h"
#include "check/plain_modules.h"

namespace shardwright {
namespace {

constexpr const char* kGone =
    "the values are nowhere in the checkpoint: fetch or quantise the model again";

// "weight:U8" as a reader would say it.
std::string said_part(std::string_view part) {
  if (const std::size_t colon = part.find(':'); colon != std::string_view::npos) {
    return fmt::format("'{}' of {}", part.substr(0, colon), part.substr(colon + 1));
  }
  return quoted(part.substr(0, part.find('|')));
}

// "'qzeros'", or "'qzeros' and 'scales'".
std::string said_parts(const std::vector<std::string_view>& parts) {
  std::string said;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) said += i + 1 == parts.size() ? " and " : ", ";
    said += said_part(parts[i]);
  }
  return said;
}

void lacking_parts(const Model& model, const Reporter& report) {
  for (const LackingModule& lacking : lacking_modules(model.checkpoint)) {
    const bool one = lacking.lacks.size() == 1;
    report({.tensor = std::string(lacking.module),
            .message = fmt::format("{} has {} and {} {}, and {} needs {}: loaders stop, or compute "
                                   "with random values",
                                   quoted(lacking.module), said_part(lacking.has),
                                   one ? "no" : "lacks", said_parts(lacking.lacks),
                                   quoted(model.join.quantization), one ? "both" : "all of them"),
            .fix = no_fix(kGone),
            .group = fmt::format("{} {}", lacking.has, fmt::join(lacking.lacks, " "))});
  }
}

void plain_modules(const Model& model, const Reporter& report) {
  for (const Tensor* tensor : plain_among_quantized(model.checkpoint, model.join)) {
    report({.file = model.checkpoint.shards[tensor->shard].file,
            .tensor = std::string(tensor->name),
            .message = fmt::format(
                "{} is stored plain, as {}; that of other layers is quantised by {}, and the "
                "config does not leave it out: loaders look for its parts and stop, or compute "
                "with random values",
                quoted(tensor->name), dtype_name(tensor->dtype), quoted(model.join.quantization)),
            .fix = no_fix("quantise the module like the others, or name it among those that the "
                          "config leaves alone"),
            .group = "plain"});
  }
}

void input_scales(const Model& model, const Reporter& report) {
  for (const ExpectedTensor* wanted : model.join.input_scales) {
    const std::string_view module = wanted->name.substr(0, wanted->name.rfind('.'));
    report({.tensor = std::string(module),
            .message = fmt::format(
                "{} has 'weight_scale_inv' and no 'activation_scale', and the config says that its "
                "inputs are scaled by that (activation_scheme 'static'): transformers fills it "
                "with random values where it computes in fp8, and does without on a processor",
                quoted(module)),
            .fix = no_fix("the values are nowhere in the checkpoint: fetch or quantise the model "
                          "again; where no module has one, activation_scheme 'dynamic' needs none"),
            .group = "activation_scale"});
  }
}

void incomplete_quantization(const Model& model, const Reporter& report) {
  input_scales(model, report);
  if (model.join.quantization.empty()) return;
  lacking_parts(model, report);
  plain_modules(model, report);
}

}  // namespace

extern const Check kIncompleteQuantization;
constinit const Check kIncompleteQuantization{
    .code = "AR418",
    .name = "incomplete-quantization",
    .summary = "a quantised module lacks a part of what it is stored in",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = incomplete_quantization,
};

}  // namespace shardwright
