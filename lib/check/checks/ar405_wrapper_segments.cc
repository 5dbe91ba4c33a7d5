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
#include "check/unruled.h"

namespace shardwright {
namespace {

// Without a rule the wrapper can be taken away, and what then stands there is not proven.
Fix unproven_fix(const Join& join, const std::string& what, std::vector<Edit> edits) {
  if (!join.wrappers_exact) return no_fix("without it two tensors have the same name");
  return unsafe_fix(
      fmt::format("take {} out of the names; no rule says whether they are right then", what),
      std::move(edits));
}

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

// Where such segments come from.
std::string_view origin_of(const Join& join) {
  if (join.wrappers.empty()) return "no class of the architecture has";
  return join.wrappers.front() == kTextSegment
             ? "stands there in a model that sees, of which this is the text"
             : "a training wrapper put there";
}

void wrapped_names(const Model& model, const Reporter& report) {
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
    std::string bare = bare_name(tensor.name, join.outer_prefix, join.wrappers);
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
      "{} of {} names hold {}, which {} ({}): transformers finds none of these tensors",
      edits.size(), model.checkpoint.tensors.size(), what, origin_of(join), quoted(finding.tensor));
  if (join.unruled) {
    finding.severity = severity_without_rule(join);
    finding.fix = unproven_fix(join, what, std::move(edits));
    report(std::move(finding));
    return;
  }
  finding.message += fmt::format("; without it the names are {} that '{}' expects",
                                 join.wrappers_exact ? "exactly those" : "some of those",
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
    .run = wrapped_names,
};

}  // namespace shardwright
