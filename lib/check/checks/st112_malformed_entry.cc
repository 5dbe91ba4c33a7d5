// ST112: the header's entry of a tensor is not what an entry has to be.
// docs/checks/ST112-malformed-entry.md
#include <string>
#include <string_view>

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

std::string_view wanted(std::string_view field) {
  if (field == "dtype") return "a string";
  if (field == "shape") return "a list of whole numbers, 0 or more";
  return "a list of two whole numbers, 0 or more";
}

std::string entry_fault(const Defect& defect) {
  const std::string tensor = quoted(defect.tensor);
  if (defect.kind == DefectKind::kDuplicateKey) {
    return fmt::format("the entry of {} has '{}' twice", tensor, defect.other);
  }
  if (defect.other.empty()) {
    return fmt::format(
        "the entry of {} is {}, and has to be an object of 'dtype', 'shape' and "
        "'data_offsets'",
        tensor, defect.detail);
  }
  if (defect.detail == "absent") {
    return fmt::format("the entry of {} has no '{}', which is {}", tensor, defect.other,
                       wanted(defect.other));
  }
  const std::string_view verb = defect.detail.starts_with("holds ") ? "" : "is ";
  return fmt::format("'{}' of {} {}{}, and has to be {}", defect.other, tensor, verb,
                     printable(defect.detail), wanted(defect.other));
}

// A writer makes the same mistake in every entry.
std::string group_of(const Defect& defect) {
  const std::string_view fault = defect.kind == DefectKind::kDuplicateKey ? "twice"
                                 : defect.detail == "absent"              ? "none"
                                                                          : "other";
  return fmt::format("{} {}", fault, defect.other);
}

void malformed_entry(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect :
         defects_of(shard, {DefectKind::kEntryMalformed, DefectKind::kDuplicateKey})) {
      if (defect->kind == DefectKind::kDuplicateKey && defect->tensor.empty()) continue;  // ST115
      report({.file = shard.file,
              .tensor = std::string(defect->tensor),
              .message = fmt::format("{}; {}", entry_fault(*defect), prints(defect->kind)),
              .fix = no_fix("nobody can tell what the tensor is: fetch the file again, or write it "
                            "again from its source"),
              .group = group_of(*defect)});
    }
  }
}

}  // namespace

extern const Check kMalformedEntry;
constinit const Check kMalformedEntry{
    .code = "ST112",
    .name = "malformed-entry",
    .summary = "an entry of a header is not what an entry has to be",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = malformed_entry,
};

}  // namespace shardwright
