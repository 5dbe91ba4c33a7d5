#include "shardwright/lora_job.h"

#include <utility>

#include <fmt/format.h>

#include "job/run_merge.h"
#include "json/value.h"

namespace shardwright {
namespace {

// A path as YAML has it, whatever is in it: JSON's texts are YAML's.
std::string yaml_text(const std::string& path) {
  return json::dump(json::Value{path});
}

}  // namespace

Result<MergeReport> lora_merge(const std::string& base, const std::string& adapter,
                               const MergeOptions& options) {
  const std::string recipe = fmt::format(
      "merge_method: passthrough\n"
      "models:\n"
      "  - model:\n"
      "      model: {{path: {}}}\n"
      "      lora: {{path: {}}}\n",
      yaml_text(base), yaml_text(adapter));
  auto report = merge_by_text("lora merge", recipe, options);
  if (!report) return report;
  // The user has no lines: the recipe is ours.
  for (RecipeProblem& problem : report->problems)
    problem.line = problem.column = 0;
  return report;
}

}  // namespace shardwright
