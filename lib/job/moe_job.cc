// A mixture of experts: a merge run with another planner.
#include "shardwright/moe_job.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/process.h"
#include "base/try.h"
#include "check/engine.h"
#include "job/check_model.h"
#include "job/merge_card.h"
#include "job/merge_run.h"
#include "job/run_merge.h"
#include "moe/plan.h"
#include "moe/recipe.h"

namespace shardwright {
namespace {

// Only the MLPs of experts are taken: what their tokens are is of no weight for those.
std::vector<Finding> compare(std::span<const MergeModel> models, const MoeRecipe& recipe) {
  std::vector<const Model*> inputs;
  for (const MergeModel& model : models)
    inputs.push_back(&model.checked->model);
  CheckSelection selection{.severity = {{"MG705", Severity::kWarning}}};
  if (!recipe.dtype.empty()) selection.ignore.emplace_back("MG706");
  return run_checks_across(inputs, selection);
}

// What planning may take of a limit: what is written after it counts a sixth more than its peak.
std::optional<std::uint64_t> left_of(const std::optional<std::uint64_t>& limit) {
  if (!limit) return limit;
  const std::uint64_t most = *limit / 7 * 6;
  const std::uint64_t held = resident_bytes();
  return most > held ? most - held : 0;
}

}  // namespace

Result<MergeReport> moe(const std::string& recipe_path, const MoeOptions& options) {
  SW_TRY(const std::string text, read_recipe_text(recipe_path));
  const MoeRecipeFile file = parse_moe_recipe(text, {.allow_all_same = options.allow_all_same});
  MergeReport report{.recipe = recipe_path, .problems = problems_of(file.mistakes)};
  if (!report.problems.empty()) return report;
  const MoeRecipe& recipe = *file.recipe;

  MergeContext context{.options = options.merge, .text = text, .name = "mergekit_moe_config.yml"};
  SW_TRY(context.catalogue, load_catalogue(options.merge.rules_dir));
  MergeTask task{
      .method = "mixture",
      .models = models_of(recipe),
      .compare = [&](std::span<const MergeModel> models) { return compare(models, recipe); },
      .plan =
          [&](std::vector<MergeInput> inputs) {
            return plan_mixture(recipe, std::move(inputs), *context.catalogue,
                                {.max_shard_size = options.merge.max_shard_size,
                                 .seed = options.merge.seed,
                                 .layout = options.merge.layout,
                                 .architecture = options.architecture,
                                 .threads = options.merge.threads,
                                 .memory_limit = left_of(options.merge.memory_limit),
                                 .monitor = options.merge.monitor});
          },
      .card =
          [&] {
            return model_card({.title = "A mixture of experts",
                               .intro = "Made of:",
                               .models = models_of(recipe),
                               .base = recipe.base,
                               .tags = {"moe", "merge", "mergekit"}},
                              text);
          }};
  const MergeRun::Documents none;
  MergeRun run(context, std::move(task), none);
  SW_TRY_OK(run.prepare());
  const std::array<const MergePlan*, 1> plans = {&run.plan_of_result()};
  SW_TRY_OK(carry_out(run, plans, options.merge));
  MergeReport done = std::move(run.report());
  done.recipe = recipe_path;
  return done;
}

}  // namespace shardwright
