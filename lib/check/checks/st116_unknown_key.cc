// ST116: entries of a header have keys that the format does not know.
// docs/checks/ST116-unknown-key.md
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::DefectKind;

void unknown_key(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kUnknownKey});
    if (defects.empty()) continue;
    const auto names = tensors_of(defects);
    report({.file = shard.file,
            .tensor = std::string(names.front()),
            .message = fmt::format("the entry of {} has the key {}: loaders pass over all keys but "
                                   "'dtype', 'shape' and 'data_offsets'",
                                   quoted(names.front()), quoted(defects.front()->other)),
            .places = {names.begin(), names.end()}});
  }
}

}  // namespace

extern const Check kUnknownKey;
constinit const Check kUnknownKey{
    .code = "ST116",
    .name = "unknown-key",
    .summary = "an entry of a header has a key that the format does not know",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = unknown_key,
};

}  // namespace shardwright
