// ST113: a tensor has a dtype that the format does not know.
// docs/checks/ST113-unknown-dtype.md
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
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

std::string suggestion(std::string_view found) {
  // What other programs call them; `nearest` would guess wrong.
  struct Alias {
    std::string_view other, name;
  };
  constexpr std::array<Alias, 12> kAliases = {{{"float32", "F32"},
                                               {"FP32", "F32"},
                                               {"float16", "F16"},
                                               {"FP16", "F16"},
                                               {"half", "F16"},
                                               {"bfloat16", "BF16"},
                                               {"float64", "F64"},
                                               {"FP8", "F8_E4M3"},
                                               {"float8_e4m3fn", "F8_E4M3"},
                                               {"float8_e5m2", "F8_E5M2"},
                                               {"bool", "BOOL"},
                                               {"int64", "I64"}}};
  for (const Alias& alias : kAliases) {
    if (found == alias.other) return fmt::format("'{}'", alias.name);
  }
  std::array<std::string_view, kDTypeCount> names;
  for (std::size_t i = 0; i < kDTypeCount; ++i)
    names[i] = dtype_name(static_cast<DType>(i));
  if (const auto near = nearest(found, names)) return fmt::format("'{}'", *near);
  return "a name such as 'F32', 'BF16' or 'F8_E4M3'";
}

void run(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect : defects_of(shard, {DefectKind::kUnknownDType})) {
      report(
          {.file = shard.file,
           .tensor = std::string(defect->tensor),
           .message = fmt::format("the dtype of {} is {}, and the format has {} for it; {}",
                                  quoted(defect->tensor), quoted(defect->detail),
                                  suggestion(defect->detail), prints(defect->kind)),
           .fix = no_fix("what the bytes mean is not said: write the file again with the program "
                         "that made it, or with a newer version of it")});
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
    .run = run,
};

}  // namespace shardwright
