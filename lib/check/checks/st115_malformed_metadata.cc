// ST115: __metadata__ is not an object of strings.
// docs/checks/ST115-malformed-metadata.md
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/relay.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

std::string metadata_fault(const Defect& defect) {
  if (defect.kind == DefectKind::kDuplicateMetadata) {
    return fmt::format("{} stands twice in '__metadata__': loaders take the last",
                       quoted(defect.other));
  }
  if (defect.kind == DefectKind::kDuplicateKey) {
    return fmt::format("'__metadata__' stands twice; {}", prints(defect.kind));
  }
  if (defect.other.empty()) {
    return fmt::format("'__metadata__' is {}, and has to be an object of strings; {}",
                       defect.detail, prints(defect.kind));
  }
  return fmt::format("{} in '__metadata__' is {}, and has to be a string; {}", quoted(defect.other),
                     defect.detail, prints(defect.kind));
}

Fix metadata_fix(const Model& model, const Shard& shard, const Defect& defect) {
  if (relay_of(model, shard).safety != Safety::kUnsafe) {
    return relay_fix(model, shard, "write the header anew, with the last value of each key");
  }
  const bool twice = defect.kind == DefectKind::kDuplicateKey;
  return unsafe_fix(twice ? "write the header anew with the last '__metadata__'"
                          : "write the header anew with the metadata that is text",
                    {edit::RelayShard{shard.file}});
}

void malformed_metadata(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect :
         defects_of(shard, {DefectKind::kMetadataMalformed, DefectKind::kDuplicateMetadata,
                            DefectKind::kDuplicateKey})) {
      if (!defect->tensor.empty()) continue;  // ST112
      const bool accepted = defect->kind == DefectKind::kDuplicateMetadata;
      report({.file = shard.file,
              .message = metadata_fault(*defect),
              .severity = accepted ? std::optional(Severity::kWarning) : std::nullopt,
              .fix = metadata_fix(model, shard, *defect),
              .group = accepted ? shard.file + " twice" : shard.file});
    }
  }
}

}  // namespace

extern const Check kMalformedMetadata;
constinit const Check kMalformedMetadata{
    .code = "ST115",
    .name = "malformed-metadata",
    .summary = "__metadata__ is not an object of strings",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = malformed_metadata,
};

}  // namespace shardwright
