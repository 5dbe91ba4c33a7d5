// AR405: the names hold segments that a training wrapper put there.
// docs/checks/AR405-wrapper-segments.md
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void run(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  if (join.wrappers.empty()) return;
  std::vector<std::string> segments;
  for (const std::string& wrapper : join.wrappers)
    segments.push_back(quoted(wrapper));
  Report finding{.group = "all"};
  std::vector<Edit> edits;
  for (const Tensor& tensor : model.checkpoint.tensors) {
    std::string bare = without_wrappers(tensor.name, join.wrappers);
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
  finding.message = fmt::format(
      "{} of {} names hold {}, which a training wrapper put there ({}): transformers finds none of "
      "these tensors; "
      "without it the names are exactly those that '{}' expects",
      edits.size(), model.checkpoint.tensors.size(), fmt::join(segments, " and "),
      quoted(finding.tensor), model.expected->schema->name);
  finding.fix = safe_fix(fmt::format("take {} out of the names", fmt::join(segments, " and ")),
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
    .run = run,
};

}  // namespace shardwright
