// ST111: a shard's header is no JSON object, or something else surrounds it.
// docs/checks/ST111-malformed-header.md
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

std::string header_fault(const Defect& defect) {
  switch (defect.kind) {
    case DefectKind::kNotUtf8:
      return fmt::format("is not UTF-8 at byte {}", defect.found);
    case DefectKind::kNotObject:
      return fmt::format("is {}, and has to be an object", defect.detail);
    case DefectKind::kTooDeep:
      return fmt::format("is nested more than {} levels deep at byte {}",
                         safetensors::kMaxHeaderDepth, defect.found);
    case DefectKind::kBadPadding:
      return defect.found == 0
                 ? fmt::format("has {}, and '{{' has to be its first byte", defect.detail)
                 : fmt::format("has {} at byte {}, and only spaces may follow it", defect.detail,
                               defect.found);
    default:
      return fmt::format("is no JSON: {}", printable(defect.detail));
  }
}

Fix header_fix(const Model& model, const Shard& shard, const Defect& defect) {
  if (defect.kind == DefectKind::kBadPadding) {
    return relay_fix(model, shard, "write the header anew, padded with spaces");
  }
  return no_fix(
      "a header that cannot be read does not say where the tensors lie: fetch the file again, or "
      "write it again from its source");
}

void malformed_header(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect :
         defects_of(shard, {DefectKind::kNotUtf8, DefectKind::kNotJson, DefectKind::kNotObject,
                            DefectKind::kTooDeep, DefectKind::kBadPadding})) {
      report({.file = shard.file,
              .message = fmt::format("the header of {} {}; {}", quoted(shard.file),
                                     header_fault(*defect), prints(defect->kind)),
              .fix = header_fix(model, shard, *defect)});
    }
  }
}

}  // namespace

extern const Check kMalformedHeader;
constinit const Check kMalformedHeader{
    .code = "ST111",
    .name = "malformed-header",
    .summary = "the header of a shard is no JSON object",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = malformed_header,
};

}  // namespace shardwright
