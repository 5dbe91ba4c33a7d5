#include "job/merge_inputs.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "check/purpose.h"
#include "write/place.h"

namespace shardwright {
namespace {

void add_problem(MergeReport& report, Mark at, std::string message) {
  report.problems.push_back({at.line, at.column, std::move(message)});
}

// What is no model that a merge could read.
void judge_kind(const ModelRef& ref, const Checkpoint& stored, MergeReport& report) {
  if (is_adapter(stored)) {
    add_problem(
        report, ref.at,
        fmt::format("{} is an adapter: a model with it is written base+adapter", quoted(ref.text)));
  } else if (stored.kind == CheckpointKind::kFolder && !stored.config) {
    add_problem(report, ref.at,
                fmt::format("{} has no config.json: copy it from the model that this one was "
                            "made from, or name a .safetensors file in it, which is merged by "
                            "name",
                            quoted(ref.text)));
  }
}

Status stays_out(const MergeOptions& options, const std::string& place,
                 const Checkpoint& checkpoint, const ModelRef& ref) {
  SW_TRY(const std::string input, real_path(checkpoint.directory));
  const bool is_folder = checkpoint.kind != CheckpointKind::kFile;
  const bool would_go = is_within(input, place) && (is_folder || options.overwrite);
  if (!would_go && !(is_folder && is_within(place, input))) return ok();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("output {} and the model {} lie inside each other",
                           quoted(options.output), quoted(ref.text))};
}

}  // namespace

Result<std::vector<MergeModel>> open_models(std::span<const ModelRef> refs, const MadeModels& made,
                                            const std::shared_ptr<const Catalogue>& catalogue,
                                            const CheckOptions& check, MergeReport& report) {
  std::vector<MergeModel> models;
  for (const ModelRef& ref : refs) {
    CheckOptions own = check;
    if (!ref.architecture.empty()) {
      const Schema* schema = catalogue->by_class(ref.architecture);
      if (schema == nullptr) {
        add_problem(report, ref.at,
                    fmt::format("'override_architecture': no rule describes the class {}",
                                quoted(ref.architecture)));
        continue;
      }
      own.arch = schema->name;
    }
    const auto document = made(ref.path);
    auto opened = document ? merge_model_of(ref, document->checked, catalogue, own)
                           : open_merge_model(ref, catalogue, own);
    if (!opened) {
      if (opened.error().code == ErrorCode::kInterrupted) return std::move(opened).error();
      add_problem(report, ref.at, opened.error().message);
      continue;
    }
    MergeModel model = *std::move(opened);
    if (document) {
      model.made_by = document->plan;
    } else {
      report.inputs.push_back(model.checked->report);
    }
    judge_kind(ref, model.checkpoint(), report);
    if (model.adapter) report.inputs.push_back(model.adapter->report);
    models.push_back(std::move(model));
  }
  std::ranges::sort(report.problems, {}, [](const RecipeProblem& problem) {
    return std::pair(problem.line, problem.column);
  });
  report.models = models.size();
  return models;
}

Status keep_apart(const MergeOptions& options, std::span<const MergeModel> models) {
  const auto place = real_place(options.output);
  if (!place) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {}: {}", quoted(options.output), place.error().message)};
  }
  for (const MergeModel& model : models) {
    if (model.made_by == nullptr)
      SW_TRY_OK(stays_out(options, *place, model.checkpoint(), model.ref));
    if (model.adapter)
      SW_TRY_OK(stays_out(options, *place, model.adapter->model.checkpoint, model.ref));
  }
  return ok();
}

Status apply_adapters(std::span<MergeModel> models, bool compat, MergeReport& report) {
  for (MergeModel& model : models) {
    if (Status adapted = adapt_model(model, compat); !adapted) {
      if (adapted.error().code == ErrorCode::kInterrupted) return adapted;
      add_problem(report, model.ref.at, adapted.error().message);
      continue;
    }
    if (!model.adaptation) continue;
    const Adaptation& made = *model.adaptation;
    report.adapters.push_back({.model = model.ref.path,
                               .adapter = model.adapter->report.path,
                               .modules = made.modules,
                               .applied = made.applied,
                               .saved = made.saved,
                               .problems = made.problems});
    if (!made.problems.empty()) report.refused = "an adapter does not fit its base";
  }
  return ok();
}

}  // namespace shardwright
