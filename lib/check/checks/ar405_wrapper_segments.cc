// AR405: the names hold segments that a training wrapper put there.
// docs/checks/AR405-wrapper-segments.md
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// Tensors that the fix of another finding gives their right names.
std::unordered_set<const Tensor*> renamed_elsewhere(const Join& join) {
  std::unordered_set<const Tensor*> tensors;
  for (const Renamed& renamed : join.renamed) {
    for (const Tolerated& tensor : renamed.tensors)
      tensors.insert(tensor.stored);
  }
  for (const Tolerated& tensor : join.odd_prefix)
    tensors.insert(tensor.stored);
  return tensors;
}

void wrapper_segments(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  if (join.wrappers.empty() && join.outer_prefix.empty()) return;
  std::vector<std::string> segments;
  for (const std::string& wrapper : join.wrappers)
    segments.push_back(quoted(wrapper));
  if (!join.outer_prefix.empty()) segments.push_back(quoted(join.outer_prefix));
  Report finding{.group = "all"};
  std::vector<Edit> edits;
  const std::unordered_set<const Tensor*> renamed = renamed_elsewhere(join);
  for (const Tensor& tensor : model.checkpoint.tensors) {
    if (renamed.contains(&tensor)) continue;
    std::string bare = bare_name(tensor.name, join);
    if (bare == tensor.name) continue;
    const std::string& file = model.checkpoint.shards[tensor.shard].file;
    if (finding.tensor.empty()) {
      finding.file = file;
      finding.tensor = tensor.name;
    } else if (finding.file != file) {
      finding.file.clear();
    }
    finding.places.emplace_back(tensor.name);
    edits.emplace_back(edit::RenameTensor{file, std::string(tensor.name), std::move(bare)});
  }
  const std::string what = fmt::format("{}", fmt::join(segments, " and "));
  finding.message = fmt::format(
      "{} of {} names hold {}, which {} ({}): transformers finds none of these tensors; without it "
      "the names are {} that '{}' expects",
      edits.size(), model.checkpoint.tensors.size(), what,
      join.wrappers.empty() ? "no class of the architecture has" : "a training wrapper put there",
      quoted(finding.tensor), join.wrappers_exact ? "exactly those" : "some of those",
      model.expected->schema->name);
  const std::string summary = fmt::format("take {} out of the names", what);
  const bool proven =
      join.wrappers_exact || (join.wrappers_names_alone && join.outer_prefix.empty());
  finding.fix = proven ? safe_fix(summary, std::move(edits))
                       : unsafe_fix(summary + ": most are then names that the rule expects",
                                    std::move(edits));
  report(std::move(finding));
}

}  // namespace

extern const Check kWrapperSegments;
constinit const Check kWrapperSegments{
    .code = "AR405",
    .name = "wrapper-segments",
    .summary = "the names hold segments that a training wrapper put there",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrapper_segments,
};

}  // namespace shardwright
