// ST119: a tensor has no name, or control characters in it.
// docs/checks/ST119-unusual-name.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/shard_defects.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void unusual_name(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect : defects_of(shard, {DefectKind::kUnusualName})) {
      report({.file = shard.file,
              .tensor = std::string(defect->tensor),
              .message = defect->tensor.empty()
                             ? std::string("a tensor has an empty name")
                             : fmt::format("the name {} has control characters in it",
                                           quoted(defect->tensor))});
    }
  }
}

}  // namespace

extern const Check kUnusualName;
constinit const Check kUnusualName{
    .code = "ST119",
    .name = "unusual-name",
    .summary = "a tensor has an empty name, or control characters in it",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = unusual_name,
};

}  // namespace shardwright
