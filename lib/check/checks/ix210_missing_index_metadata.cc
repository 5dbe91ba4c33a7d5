// IX210: the index has no metadata.
// docs/checks/IX210-missing-index-metadata.md
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/single_file.h"

namespace shardwright {
namespace {

void missing_index_metadata(const Model& model, const Reporter& report) {
  if (!model.checkpoint.index || single_file(model.checkpoint) != nullptr) return;
  const IndexFile& file = *model.checkpoint.index;
  // A map alone, without what it stands in, is one cause: IX201 speaks of it.
  if (file.index.count(IndexDefectKind::kNoWeightMap) > 0) return;
  for (const IndexDefect& defect : file.index.defects) {
    if (defect.kind == IndexDefectKind::kNoMetadata) {
      report(
          {.file = file.name,
           .message = fmt::format("{} has no 'metadata', which transformers needs; it stops with "
                                  "KeyError: 'metadata'",
                                  quoted(file.name)),
           .fix = rebuild_fix(model, "write the index with its metadata")});
    } else if (defect.kind == IndexDefectKind::kMetadataNotObject) {
      report(
          {.file = file.name,
           .pointer = "/metadata",
           .message = fmt::format("'metadata' of {} is {}, and has to be an object; transformers "
                                  "stops with a TypeError",
                                  quoted(file.name), defect.detail),
           .fix = rebuild_fix(model, "write the index with its metadata")});
    }
  }
}

}  // namespace

extern const Check kMissingIndexMetadata;
constinit const Check kMissingIndexMetadata{
    .code = "IX210",
    .name = "missing-index-metadata",
    .summary = "the index has no metadata",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = missing_index_metadata,
};

}  // namespace shardwright
