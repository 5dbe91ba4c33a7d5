// One merge, step by step: its models, its plan, the rehearsal, the writing.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/catalogue.h"
#include "job/check_model.h"
#include "job/merge_cost.h"
#include "job/merge_model.h"
#include "job/merge_stage.h"
#include "job/side_files.h"
#include "merge/engine.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "repair/outcome.h"
#include "shardwright/finding.h"
#include "shardwright/merge_job.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/journal.h"

namespace shardwright {

struct MergeContext {
  const MergeOptions& options;
  std::shared_ptr<const Catalogue> catalogue{};
  std::string text{};  // of the recipe, kept in the folder of the result
  std::string name{};  // under this name; empty: it is not kept
};

// What is to be made of which models, whatever kind of recipe says so.
struct MergeTask {
  std::string name{};              // of one of several documents; empty: it is the result
  std::string method{};            // as the report has it
  std::vector<ModelRef> models{};  // each once
  // The result is still the donor's model: it keeps its README.md and its licence, and gets a card
  // only where it has none.
  bool keeps_papers{};
  // What the models are to each other, once each alone is sound.
  std::function<std::vector<Finding>(std::span<const MergeModel>)> compare{};
  std::function<Planned(std::vector<MergeInput>)> plan{};
  std::function<std::string()> card{};  // text of README.md
};

class MergeRun {
 public:
  using Documents = std::map<std::string, MergeRun*, std::less<>>;  // by name

  // `earlier`: the documents that the task may refer to, each prepared. Context and documents must
  // outlive this.
  MergeRun(const MergeContext& context, MergeTask task, const Documents& earlier);

  // Opens and checks the models, plans, lays the files out, and checks them as if they were there.
  // What stands in the way is in the report: its problems, or why it refuses.
  Status prepare();

  // Its result is an input of another merge: it is computed as it is read, and written nowhere.
  void serve();

  // What writing will take, before anything is there. `plans`: those of all documents, its own
  // last. kInvalidArgument where the memory limit is too small, kIo where the disk is.
  Status foresee(std::span<const MergePlan* const> plans);

  // Writes aside, checks what was written, and publishes it. With MergeOptions::resume it goes on
  // with what a killed run left; kInvalidArgument where that was another merge. After an error then
  // what was written may be kept.
  Status write();
  [[nodiscard]] bool keeps_what_was_written() const { return keeps_; }

  // Whether nothing is in its way so far.
  [[nodiscard]] bool stands() const { return report_.problems.empty() && report_.refused.empty(); }

  [[nodiscard]] const MergePlan& plan_of_result() const { return planned_.plan; }

  [[nodiscard]] MergeReport& report() { return report_; }

 private:
  Status open();
  [[nodiscard]] bool inputs_are_sound() const;
  Status plan();
  Status rehearse();
  [[nodiscard]] std::vector<PlanFact> facts() const;
  Status write_into(const Disk& disk, const MergeStage& stage, std::span<const PlanFact> now);
  Status judge(Checkpoint result, bool written);
  void add_text(std::string_view name, std::string text);
  [[nodiscard]] std::string index_text() const;
  [[nodiscard]] CheckOptions check_options() const;
  [[nodiscard]] bool stops(const Finding& finding) const;
  [[nodiscard]] const MergeOptions& options() const { return context_.options; }

  const MergeContext& context_;
  MergeTask task_;
  const Documents& earlier_;
  MergeReport report_{};
  std::vector<MergeModel> models_;
  Planned planned_;
  MergeFiles files_;
  MergeThreads threads_;
  SideFiles side_;
  Outcome outcome_;
  std::map<std::string, std::string> texts_;  // files of the result, by name
  std::shared_ptr<CheckedModel> result_;      // as it was checked last
  bool keeps_{};
};

}  // namespace shardwright
