// IX207: a name stands twice in the index.
// docs/checks/IX207-duplicate-index-name.md
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "json/value.h"

namespace shardwright {
namespace {

void duplicate_index_name(const Model& model, const Reporter& report) {
  if (!model.checkpoint.index) return;
  const IndexFile& file = *model.checkpoint.index;
  for (const IndexDefect& defect : file.index.defects) {
    if (defect.kind == IndexDefectKind::kDuplicateName) {
      report({.file = file.name,
              .tensor = defect.name,
              .pointer = "/weight_map/" + json::pointer_step(defect.name),
              .message = fmt::format("the index names {} twice: Python's json keeps the last, and "
                                     "stricter readers refuse the file",
                                     quoted(defect.name)),
              .fix = rebuild_fix(model, "write the index from the headers of the shards"),
              .group = "name"});
    } else if (defect.kind == IndexDefectKind::kDuplicateKey) {
      const bool is_map = defect.name == "/weight_map";
      report({.file = file.name,
              .pointer = defect.name,
              .message = fmt::format(
                  "the index has the key {} twice: {}", quoted(defect.name.substr(1)),
                  is_map ? "Python's json keeps the last map, and the tensors of the first are "
                           "never read"
                         : "Python's json keeps the last, and stricter readers refuse the file"),
              .severity = is_map ? std::optional(Severity::kError) : std::nullopt,
              .fix = rebuild_fix(model, "write the index from the headers of the shards"),
              .group = is_map ? "map" : "key"});
    }
  }
}

}  // namespace

extern const Check kDuplicateIndexName;
constinit const Check kDuplicateIndexName{
    .code = "IX207",
    .name = "duplicate-index-name",
    .summary = "a name stands twice in the index",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = duplicate_index_name,
};

}  // namespace shardwright
