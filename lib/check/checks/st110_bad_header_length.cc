// ST110: the first 8 bytes of a shard are no length of its header.
// docs/checks/ST110-bad-header-length.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

std::string length_fault(const Defect& defect) {
  switch (defect.kind) {
    case DefectKind::kTooShort:
      return fmt::format("has {}, and the length of the header alone takes {}",
                         byte_count(defect.found), byte_count(defect.expected));
    case DefectKind::kLengthTooLarge:
      return fmt::format("claims a header of {} bytes, and loaders take {} at most", defect.found,
                         defect.expected);
    case DefectKind::kLengthBeyondFile:
      return fmt::format(
          "claims a header of {} bytes, and only {} follow: the file is cut short, "
          "or is something else",
          defect.found, defect.expected);
    default:
      return "claims a header of 0 bytes, and the shortest one, '{}', takes 2";
  }
}

void bad_header_length(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect :
         defects_of(shard, {DefectKind::kTooShort, DefectKind::kLengthZero,
                            DefectKind::kLengthTooLarge, DefectKind::kLengthBeyondFile})) {
      report({.file = shard.file,
              .message = fmt::format("{} {}; {}", quoted(shard.file), length_fault(*defect),
                                     prints(defect->kind)),
              .fix = no_fix("nobody can tell where the tensors lie: fetch the file again, or write "
                            "it again from its source")});
    }
  }
}

}  // namespace

extern const Check kBadHeaderLength;
constinit const Check kBadHeaderLength{
    .code = "ST110",
    .name = "bad-header-length",
    .summary = "the first 8 bytes of a shard are no length of its header",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = bad_header_length,
};

}  // namespace shardwright
