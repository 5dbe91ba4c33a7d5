// A merge: read, check, plan, check the plan, write aside, check what was written, publish.
#include "shardwright/merge_job.h"

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "job/check_model.h"
#include "job/compare_inputs.h"
#include "job/merge_card.h"
#include "job/merge_run.h"
#include "job/run_merge.h"
#include "merge/method.h"
#include "merge/recipe.h"
#include "write/place.h"

namespace shardwright {
namespace {

// With what helps where writing was stopped: by the user, or by a disk that others fill meanwhile.
Error with_remedy(Error error, MergeRun& run) {
  const bool is_full = says_disk_is_full(error);
  if (run.keeps_what_was_written()) {
    error.message += fmt::format("; what was written is kept: {}the same command goes on with it",
                                 is_full ? "once there is room, " : "");
  } else if (is_full) {
    error.message += "; nothing was written: " + remedy_of_full_disk(run.report().write_bytes);
  }
  return error;
}

MergeTask task_of(const Recipe& recipe, const MergeOptions& options) {
  return {
      .name = recipe.name,
      .method = recipe.method,
      .models = models_of(recipe),
      .compare =
          [&recipe](std::span<const MergeModel> models) { return compare_inputs(recipe, models); },
      .plan =
          [&recipe, &options](std::vector<MergeInput> inputs) {
            return plan_merge(recipe, std::move(inputs),
                              {.max_shard_size = options.max_shard_size,
                               .seed = options.seed,
                               .compat = options.compat,
                               .layout = options.layout});
          }};
}

}  // namespace

Result<std::string> read_recipe_text(const std::string& path) {
  constexpr std::uint64_t kMaxRecipeBytes = 4U << 20U;
  SW_TRY(const auto source, open_file(path));
  return read_all(*source, kMaxRecipeBytes);
}

Status carry_out(MergeRun& run, std::span<const MergePlan* const> plans,
                 const MergeOptions& options) {
  if (!run.stands()) return ok();
  SW_TRY_OK(run.foresee(plans));
  Status written = options.dry_run ? ok() : run.write();
  return written ? ok() : with_remedy(std::move(written).error(), run);
}

std::vector<RecipeProblem> problems_of(const std::vector<Mistake>& mistakes) {
  std::vector<RecipeProblem> problems;
  for (const Mistake& mistake : mistakes)
    problems.push_back({mistake.at.line, mistake.at.column, mistake.message});
  return problems;
}

Result<MergeReport> merge(const std::string& recipe_path, const MergeOptions& options) {
  SW_TRY(const std::string text, read_recipe_text(recipe_path));
  return merge_by_text(recipe_path, text, options);
}

Result<MergeReport> merge_by_text(const std::string& name, const std::string& text,
                                  const MergeOptions& options) {
  const RecipeFile file = parse_recipe(text, method_table());
  MergeReport report{.recipe = name};
  report.remarks = problems_of(file.notes);
  report.problems = problems_of(file.mistakes);
  if (!report.problems.empty()) return report;

  MergeContext context{.options = options, .text = text, .name = "mergekit_config.yml"};
  SW_TRY(context.catalogue, load_catalogue(options.rules_dir));
  std::vector<const Recipe*> recipes;
  for (const std::size_t i : file.order)
    recipes.push_back(&file.recipes[i]);
  MergeRun::Documents documents;
  std::vector<std::unique_ptr<MergeRun>> runs;
  for (const Recipe* recipe : recipes) {
    MergeTask task = task_of(*recipe, options);
    task.card = [&] { return merge_card(recipes, text); };
    runs.push_back(std::make_unique<MergeRun>(context, std::move(task), documents));
    MergeRun& run = *runs.back();
    SW_TRY_OK(run.prepare());
    if (!run.stands() || recipe == recipes.back()) break;
    run.serve();
    documents[recipe->name] = &run;
  }

  MergeRun& last = *runs.back();
  std::vector<const MergePlan*> plans;
  for (const auto& run : runs)
    plans.push_back(&run->plan_of_result());
  SW_TRY_OK(carry_out(last, plans, options));
  MergeReport done = std::move(last.report());
  done.recipe = std::move(report.recipe);
  done.remarks = std::move(report.remarks);
  runs.pop_back();
  for (const auto& run : runs)
    done.documents.push_back(std::move(run->report()));
  return done;
}

}  // namespace shardwright
