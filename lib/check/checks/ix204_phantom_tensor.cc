// IX204: the index names a tensor that is nowhere stored.
// docs/checks/IX204-phantom-tensor.md
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "json/value.h"

namespace shardwright {
namespace {

void report_those(const Model& model, const std::vector<const IndexEntry*>& phantoms,
                  std::string_view consequence, Fix fix, const Reporter& report) {
  if (phantoms.empty()) return;
  const IndexFile& file = *model.checkpoint.index;
  const IndexEntry& first = *phantoms.front();
  Report finding{
      .file = file.name,
      .tensor = std::string(first.name),
      .pointer = "/weight_map/" + json::pointer_step(first.name),
      .message = fmt::format("the index places {} in {}, and no shard holds it: {}",
                             quoted(first.name), quoted(file.index.files[first.file]), consequence),
      .fix = std::move(fix),
      .group = std::string(consequence)};
  for (const IndexEntry* phantom : phantoms)
    finding.places.emplace_back(phantom->name);
  report(std::move(finding));
}

void phantom_tensor(const Model& model, const Reporter& report) {
  if (model.index_join.phantoms.empty()) return;
  // Where a rule needs the tensor, AR401 and its kin say that it is missing.
  std::vector<const IndexEntry*> needless;
  std::vector<const IndexEntry*> unknown;
  for (const IndexEntry* phantom : model.index_join.phantoms) {
    if (!model.join.compared) {
      unknown.push_back(phantom);
      continue;
    }
    const ExpectedTensor* expected = model.expected->find(phantom->name);
    if (expected == nullptr || expected->optional) needless.push_back(phantom);
  }
  report_those(model, needless, "transformers 4 lists it among the weights that were not used",
               rebuild_fix(model, "write the index from the headers of the shards"), report);
  report_those(model, unknown, "its values are lost, or the index is that of another version",
               no_fix("the tensor is gone: fetch the shard again, or write the checkpoint again"),
               report);
}

}  // namespace

extern const Check kPhantomTensor;
constinit const Check kPhantomTensor{
    .code = "IX204",
    .name = "phantom-tensor",
    .summary = "the index names a tensor that no shard holds",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = phantom_tensor,
};

}  // namespace shardwright
