// ST113: a tensor has a dtype that the format does not know.
// docs/checks/ST113-unknown-dtype.md
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/shard_defects.h"
#include "check/wording.h"
#include "shardwright/dtype.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

// What other programs call them, in capitals.
struct Alias {
  std::string_view other, name;
};
constexpr std::array<Alias, 13> kAliases = {{{"FLOAT32", "F32"},
                                             {"FLOAT", "F32"},
                                             {"FP32", "F32"},
                                             {"FLOAT16", "F16"},
                                             {"FP16", "F16"},
                                             {"HALF", "F16"},
                                             {"BFLOAT16", "BF16"},
                                             {"FLOAT64", "F64"},
                                             {"FP8", "F8_E4M3"},
                                             {"FLOAT8_E4M3FN", "F8_E4M3"},
                                             {"FLOAT8_E5M2", "F8_E5M2"},
                                             {"UINT8", "U8"},
                                             {"INT8", "I8"}}};

std::string suggestion(std::string_view found) {
  std::string capitals(found);
  std::ranges::transform(capitals, capitals.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  const auto* const alias = std::ranges::find(kAliases, capitals, &Alias::other);
  if (alias != kAliases.end()) return fmt::format("'{}'", alias->name);
  if (dtype_from_name(capitals)) return fmt::format("'{}'", capitals);
  return "names such as 'F32', 'BF16' and 'F8_E4M3'";
}

void unknown_dtype(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect : defects_of(shard, {DefectKind::kUnknownDType})) {
      report(
          {.file = shard.file,
           .tensor = std::string(defect->tensor),
           .message = fmt::format("the dtype of {} is {}, and the format has {} for it; {}",
                                  quoted(defect->tensor), quoted(defect->detail),
                                  suggestion(defect->detail), prints(defect->kind)),
           .fix = no_fix("what the bytes mean is not said: write the file again with the program "
                         "that made it, or with a newer version of it"),
           .group = std::string(defect->detail)});
    }
  }
}

}  // namespace

extern const Check kUnknownDType;
constinit const Check kUnknownDType{
    .code = "ST113",
    .name = "unknown-dtype",
    .summary = "a tensor has a dtype that the format does not know",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unknown_dtype,
};

}  // namespace shardwright
