// ST118: an entry is written in a form that only the reference reader understands.
// docs/checks/ST118-unusual-entry.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/relay.h"
#include "check/shard_defects.h"

namespace shardwright {
namespace {

using safetensors::DefectKind;

void unusual_entry(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kUnusualForm});
    if (defects.empty()) continue;
    const auto names = tensors_of(defects);
    report({.file = shard.file,
            .tensor = std::string(names.front()),
            .message = fmt::format("the entry of {} is a list, or its dtype an object: safetensors "
                                   "reads it by accident, and MLX, llama.cpp and others refuse it",
                                   quoted(names.front())),
            .fix = relay_fix(model, shard, "write the header anew in the usual form"),
            .places = {names.begin(), names.end()}});
  }
}

}  // namespace

extern const Check kUnusualEntry;
constinit const Check kUnusualEntry{
    .code = "ST118",
    .name = "unusual-entry",
    .summary = "an entry of a header is written as a list",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = unusual_entry,
};

}  // namespace shardwright
