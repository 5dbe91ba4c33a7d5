// What is made of the experts of one mixture: merge runs with other planners.
#include "shardwright/experts_job.h"

#include <array>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.h"
#include "job/merge_card.h"
#include "job/merge_run.h"
#include "job/run_merge.h"
#include "moe/prune.h"
#include "moe/split.h"

namespace shardwright {
namespace {

struct ExpertsTask {
  std::string action{};   // "prune"
  std::string command{};  // what was asked for, whatever the model and the folder
  std::string title{};    // of the model card
  std::function<Planned(MergeInput, const Catalogue&)> plan{};
};

Result<MergeReport> run_experts(const std::string& path, const ExpertsTask& what,
                                const MergeOptions& options) {
  const ModelRef model{.text = path, .path = path};
  MergeContext context{.options = options, .text = what.command};
  SW_TRY(context.catalogue, load_catalogue(options.rules_dir));
  MergeTask task{
      .method = what.action,
      .models = {model},
      .keeps_papers = true,
      .compare = [](std::span<const MergeModel>) { return std::vector<Finding>(); },
      .plan =
          [&](std::vector<MergeInput> inputs) {
            return what.plan(std::move(inputs.front()), *context.catalogue);
          },
      .card =
          [&] {
            return model_card(
                {.title = what.title, .intro = "Made of:", .models = {model}, .tags = {"moe"}}, {});
          }};
  const MergeRun::Documents none;
  MergeRun run(context, std::move(task), none);
  SW_TRY_OK(run.prepare());
  const std::array<const MergePlan*, 1> plans = {&run.plan_of_result()};
  SW_TRY_OK(carry_out(run, plans, options));
  MergeReport done = std::move(run.report());
  done.recipe = path;
  return done;
}

}  // namespace

Result<MergeReport> experts_prune(const std::string& model, const std::vector<std::uint64_t>& keep,
                                  const MergeOptions& options) {
  const std::string list = fmt::format("{}", fmt::join(keep, ","));
  return run_experts(
      model,
      {.action = "prune",
       .command = fmt::format("experts prune --keep {}", list),
       .title = fmt::format("Experts {} of a mixture", list),
       .plan =
           [&](MergeInput input, const Catalogue&) {
             return plan_prune(
                 {.keep = keep, .max_shard_size = options.max_shard_size, .layout = options.layout},
                 std::move(input));
           }},
      options);
}

Result<MergeReport> experts_split(const std::string& model, std::uint64_t expert,
                                  const MergeOptions& options) {
  return run_experts(model,
                     {.action = "split",
                      .command = fmt::format("experts split --expert {}", expert),
                      .title = fmt::format("Expert {} of a mixture", expert),
                      .plan =
                          [&](MergeInput input, const Catalogue& catalogue) {
                            return plan_split({.expert = expert,
                                               .max_shard_size = options.max_shard_size,
                                               .layout = options.layout},
                                              std::move(input), catalogue);
                          }},
                     options);
}

}  // namespace shardwright
