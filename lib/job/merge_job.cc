// A merge: read, check, plan, check the plan, write aside, check what was written, publish.
#include "shardwright/merge_job.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/meter.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "check/purpose.h"
#include "check/tie.h"
#include "checkpoint/index.h"
#include "checkpoint/shard_split.h"
#include "io/folder.h"
#include "job/check_model.h"
#include "job/merge_card.h"
#include "job/merge_cost.h"
#include "job/run_merge.h"
#include "merge/adapt.h"
#include "merge/engine.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "repair/outcome.h"
#include "write/carry.h"
#include "write/place.h"
#include "write/staged_dir.h"
#include "write/write_file.h"
#include "write/write_files.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxRecipeBytes = 4U << 20U;
constexpr std::string_view kIndexFile = "model.safetensors.index.json";
constexpr std::string_view kConfigName = "config.json";
constexpr std::string_view kRecipeName = "mergekit_config.yml";
constexpr std::string_view kCardName = "README.md";

Result<std::string> read_recipe(const std::string& path) {
  SW_TRY(const auto source, open_file(path));
  return read_all(*source, kMaxRecipeBytes);
}

std::vector<RecipeProblem> problems_of(const std::vector<Mistake>& mistakes) {
  std::vector<RecipeProblem> problems;
  for (const Mistake& mistake : mistakes)
    problems.push_back({mistake.at.line, mistake.at.column, mistake.message});
  return problems;
}

bool is_weights_or_index(std::string_view name) {
  constexpr std::array<std::string_view, 8> kEndings = {
      ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".gguf", ".pt", ".pth",
      ".h5"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

// Files of the donor that stay behind: weights, what the merge writes itself, and the donor's own
// papers.
bool stays_behind(std::string_view name) {
  return is_weights_or_index(name) || name == kConfigName || name == kRecipeName ||
         name == kCardName || name == "LICENSE" || name == ".gitattributes" ||
         name.starts_with(".git/") || name.starts_with(".cache/") ||
         name.find('/') != std::string_view::npos;
}

class MergeRun {
 public:
  MergeRun(const MergeOptions& options, std::shared_ptr<const Catalogue> catalogue,
           MergeReport& report)
      : options_(options), catalogue_(std::move(catalogue)), report_(report) {}

  Status open_inputs(const Recipe& recipe) {
    const CheckOptions check = check_options();
    for (const ModelRef& model : models_of(recipe)) {
      std::string path = model.path;
      if (!model.revision.empty()) path += '@' + model.revision;
      SW_TRY(CheckedModel checked, check_model(path, catalogue_, check));
      if (is_adapter(checked.model.checkpoint)) {
        report_.problems.push_back(
            {model.at.line, model.at.column,
             fmt::format("{} is an adapter: a model with it is written base+adapter",
                         quoted(model.text))});
      }
      SW_TRY_OK(prove_ties(checked));
      report_.inputs.push_back(checked.report);
      inputs_.push_back(std::make_unique<CheckedModel>(std::move(checked)));
      refs_.push_back(model);
      adapters_.emplace_back();
      if (!model.lora.empty()) SW_TRY_OK(open_adapter(model));
    }
    return ok();
  }

  Status open_adapter(const ModelRef& model) {
    std::string path = model.lora;
    if (!model.lora_revision.empty()) path += '@' + model.lora_revision;
    SW_TRY(CheckedModel checked, check_model(path, catalogue_, check_options()));
    report_.inputs.push_back(checked.report);
    adapters_.back().checked = std::make_unique<CheckedModel>(std::move(checked));
    return ok();
  }

  // Pairs are fitted to their targets; where one has none, the report says so and refuses.
  Status apply_adapters() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      AdapterInput& adapter = adapters_[i];
      if (!adapter.checked) continue;
      SW_TRY(adapter.adaptation,
             adapt(input_of(i), adapter.checked->model.checkpoint, options_.compat));
      const Adaptation& made = *adapter.adaptation;
      report_.adapters.push_back({.model = refs_[i].path,
                                  .adapter = adapter.checked->report.path,
                                  .modules = made.modules,
                                  .applied = made.applied,
                                  .saved = made.saved,
                                  .problems = made.problems});
      if (!made.problems.empty()) report_.refused = "an adapter does not fit its base";
    }
    return ok();
  }

  // Nothing is written into an input, nor around one.
  Status check_output() const {
    const auto place = real_path(options_.output);
    if (!place) return ok();  // the staging says what is wrong with it
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      SW_TRY_OK(stays_out(*place, inputs_[i]->model.checkpoint, refs_[i]));
      if (adapters_[i].checked)
        SW_TRY_OK(stays_out(*place, adapters_[i].checked->model.checkpoint, refs_[i]));
    }
    return ok();
  }

  // Findings of the inputs that stop the merge: errors, but those that are allowed.
  [[nodiscard]] bool inputs_are_sound() const {
    return std::ranges::none_of(report_.inputs, [this](const ModelReport& input) {
      return std::ranges::any_of(input.findings,
                                 [this](const Finding& finding) { return stops(finding); });
    });
  }

  void plan(const Recipe& recipe) {
    std::vector<MergeInput> inputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs.push_back(input_of(i));
      if (!adapters_[i].adaptation) continue;
      const Adaptation& adaptation = *adapters_[i].adaptation;
      inputs.back().adaptation = &adaptation;
      std::erase_if(inputs.back().redundant, [&](const std::string& name) {
        return std::ranges::find(adaptation.untied, name) != adaptation.untied.end();
      });
    }
    planned_ = plan_merge(recipe, std::move(inputs),
                          {.max_shard_size = options_.max_shard_size,
                           .seed = options_.seed,
                           .compat = options_.compat});
    report_.problems = problems_of(planned_.mistakes);
    if (report_.problems.empty()) describe();
  }

  // Lays the files out, and checks them as if they were there.
  Status rehearse(const std::string& recipe_text, const Recipe& recipe) {
    SW_TRY(files_, merge_files(planned_.plan));
    const MergePlan& plan = planned_.plan;
    for (std::size_t i = 0; i < files_.shards.size(); ++i)
      outcome_.files[shard_name(i, files_.shards.size())].content = share(files_.shards[i].get());
    if (files_.shards.size() > 1) add_text(kIndexFile, index_text());
    if (!plan.config.empty()) add_text(kConfigName, plan.config);
    for (const PlannedText& file : plan.files)
      add_text(file.name, file.text);
    add_text(kRecipeName, recipe_text);
    if (options_.card) add_text(kCardName, merge_card(recipe, recipe_text));
    const Checkpoint& donor = donor_checkpoint();
    for (const FolderEntry& entry : donor.folder->entries()) {
      if (is_left(entry.name)) outcome_.gone.insert(entry.name);
    }
    SW_TRY(Checkpoint result,
           open_checkpoint(preview(*donor.folder, outcome_), open_options(check_options())));
    return judge(std::move(result), false);
  }

  // What writing will take, before anything is there.
  Status foresee() {
    SW_TRY(threads_, merge_threads(planned_.plan, options_.threads, options_.memory_limit));
    report_.threads = threads_.computing;
    report_.peak_memory = threads_.peak_bytes;
    for (const auto& shard : files_.shards)
      report_.write_bytes += shard->size();
    for (const auto& [name, text] : texts_)
      report_.write_bytes += text.size();
    for (const FolderEntry& entry : donor_checkpoint().folder->entries()) {
      if (!is_left(entry.name)) report_.write_bytes += entry.bytes;
    }
    if (options_.dry_run) {
      SW_TRY(const double seconds, merge_seconds(planned_.plan, threads_.computing));
      report_.estimated_seconds = seconds;
    }
    return check_space(options_.output, report_.write_bytes);
  }

  Status write() {
    const auto begin = std::chrono::steady_clock::now();
    const Disk disk;
    SW_TRY(StagedDir staged,
           StagedDir::create(disk, options_.output,
                             options_.overwrite ? Existing::kReplaceModel : Existing::kRefuse));
    SW_TRY_OK(carry(disk, staged.path()));
    Meter meter(options_.monitor, "merging", planned_.plan.tensor_bytes);
    std::vector<FileToWrite> shards;
    for (std::size_t i = 0; i < files_.shards.size(); ++i) {
      const std::string name = shard_name(i, files_.shards.size());
      shards.push_back({join_path(staged.path(), name), files_.shards[i].get()});
    }
    SW_TRY_OK(
        write_files(disk, shards, *files_.preparation,
                    {.threads = threads_.computing, .waiting = threads_.waiting, .meter = &meter}));
    for (const auto& [name, text] : texts_)
      SW_TRY_OK(write_text(disk, join_path(staged.path(), name), text));
    SW_TRY(auto folder, open_folder(staged.path()));
    SW_TRY(Checkpoint result, open_checkpoint(std::move(folder), open_options(check_options())));
    SW_TRY_OK(judge(std::move(result), true));
    if (!report_.refused.empty()) return ok();
    const std::array<std::string, 2> last = {std::string(kIndexFile), std::string(kConfigName)};
    SW_TRY_OK(staged.publish(last));
    report_.published = true;
    report_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return ok();
  }

 private:
  struct AdapterInput {
    std::unique_ptr<CheckedModel> checked{};  // null: the input has no adapter
    std::optional<Adaptation> adaptation{};
  };

  Status stays_out(const std::string& place, const Checkpoint& checkpoint,
                   const ModelRef& model) const {
    SW_TRY(const std::string input, real_path(checkpoint.directory));
    const bool is_folder = checkpoint.kind != CheckpointKind::kFile;
    const bool would_go = is_within(input, place) && (is_folder || options_.overwrite);
    if (!would_go && !(is_folder && is_within(place, input))) return ok();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {} and the model {} lie inside each other",
                             quoted(options_.output), quoted(model.text))};
  }

  // An input as the planner sees it, without its adapter.
  [[nodiscard]] MergeInput input_of(std::size_t i) const {
    const Model& model = inputs_[i]->model;
    MergeInput input{.model = refs_[i], .checkpoint = &model.checkpoint};
    if (model.expected && model.expected->usable) input.expected = &*model.expected;
    for (const TieFacts& tie : model.data.ties) {
      const bool tied = model.expected && model.expected->tie.tied;
      if (tied && tie.bytes == TieBytes::kEqual) input.redundant.push_back(tie.target);
    }
    return input;
  }

  [[nodiscard]] CheckOptions check_options() const {
    CheckOptions check{.rules_dir = options_.rules_dir, .threads = options_.threads};
    check.monitor.stop = options_.monitor.stop;
    return check;
  }

  [[nodiscard]] bool stops(const Finding& finding) const {
    if (finding.severity != Severity::kError) return false;
    return std::ranges::none_of(options_.allow, [&](const std::string& word) {
      return word == finding.name || (word.size() >= 2 && finding.code.starts_with(word));
    });
  }

  // Whether a stored head repeats the embedding is proven, not sampled: it decides what is merged.
  static Status prove_ties(CheckedModel& checked) {
    Model& model = checked.model;
    for (TieFacts& tie : model.data.ties) {
      if (tie.bytes != TieBytes::kEqualSample) continue;
      SW_TRY(const bool same,
             same_bytes(*model.checkpoint.find(tie.target), *model.checkpoint.find(tie.source)));
      tie.bytes = same ? TieBytes::kEqual : TieBytes::kDiffer;
    }
    return ok();
  }

  // Files of the donor that the result does not get, or gets with another text.
  [[nodiscard]] bool is_left(std::string_view name) const {
    const MergePlan& plan = planned_.plan;
    return stays_behind(name) || std::ranges::find(plan.left, name) != plan.left.end() ||
           std::ranges::find(plan.files, name, &PlannedText::name) != plan.files.end();
  }

  [[nodiscard]] const Checkpoint& donor_checkpoint() const {
    return inputs_[planned_.plan.donor]->model.checkpoint;
  }

  void describe() {
    const MergePlan& plan = planned_.plan;
    std::vector<std::size_t> shard_of(plan.tensors.size());
    for (std::size_t i = 0; i < plan.shards.size(); ++i) {
      for (const std::size_t tensor : plan.shards[i])
        shard_of[tensor] = i;
    }
    for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
      const PlannedTensor& tensor = plan.tensors[i];
      MergedTensor row{.name = tensor.name,
                       .dtype = tensor.dtype,
                       .shape = tensor.shape,
                       .file = shard_name(shard_of[i], plan.shards.size()),
                       .action = tensor.action == TensorAction::kMerge  ? "merge"
                                 : tensor.action == TensorAction::kCast ? "cast"
                                                                        : "copy",
                       .why = tensor.why};
      for (const TensorInput& input : tensor.inputs) {
        const std::string& model = refs_[input.model].text;
        row.sources.push_back(input.tensor.name == tensor.name
                                  ? model
                                  : fmt::format("{}: {}", model, input.tensor.name));
      }
      report_.tensors.push_back(std::move(row));
    }
    for (const DroppedTensor& drop : plan.dropped)
      report_.dropped.push_back({refs_[drop.model].text, drop.name, drop.why});
    for (const AdapterInput& adapter : adapters_) {
      if (!adapter.adaptation) continue;
      report_.notes.insert(report_.notes.end(), adapter.adaptation->notes.begin(),
                           adapter.adaptation->notes.end());
    }
    report_.notes.insert(report_.notes.end(), plan.notes.begin(), plan.notes.end());
    report_.shards = plan.shards.size();
    report_.tensor_bytes = plan.tensor_bytes;
    report_.read_bytes = plan.read_bytes;
    report_.passes = static_cast<std::uint64_t>(plan.method->passes) + 1;
  }

  // The plan's files outlive whatever looks at them.
  static std::shared_ptr<const PlannedFile> share(const PlannedFile* file) {
    return {std::shared_ptr<void>(), file};
  }

  void add_text(std::string_view name, std::string text) {
    texts_[std::string(name)] = text;
    outcome_.files[std::string(name)].content = std::make_shared<PlannedFile>(std::move(text));
  }

  [[nodiscard]] std::string index_text() const {
    const MergePlan& plan = planned_.plan;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < plan.shards.size(); ++i)
      names.push_back(shard_name(i, plan.shards.size()));
    std::vector<std::pair<std::string_view, std::string_view>> entries;
    for (std::size_t i = 0; i < plan.shards.size(); ++i) {
      for (const std::size_t tensor : plan.shards[i])
        entries.emplace_back(plan.tensors[tensor].name, names[i]);
    }
    return write_index(entries, plan.tensor_bytes, {});
  }

  // What a check of the result says; a refusal where it has an error.
  Status judge(Checkpoint result, bool written) {
    CheckOptions check = check_options();
    // What these say depends on values that are not there yet.
    if (!written) check.ignore = {"AR412", "AR413", "AR415"};
    DataRequest data;
    if (written) data.watched = watched();
    SW_TRY(const CheckedModel checked, check_checkpoint(std::move(result), options_.output,
                                                        catalogue_, check, std::move(data)));
    report_.result = checked.report;
    const auto& findings = report_.result->findings;
    const auto bad =
        std::ranges::find_if(findings, [this](const Finding& finding) { return stops(finding); });
    if (bad != findings.end()) {
      report_.refused = fmt::format("the result {} an error, {} {}", written ? "has" : "would have",
                                    bad->code, bad->name);
    }
    return ok();
  }

  // What the engine saw of tensors' values while they were written.
  [[nodiscard]] std::function<std::optional<ScanResult>(const Tensor&)> watched() const {
    std::unordered_map<std::string_view, std::size_t> positions;
    for (std::size_t i = 0; i < planned_.plan.tensors.size(); ++i)
      positions.emplace(planned_.plan.tensors[i].name, i);
    return [this, positions = std::move(positions)](const Tensor& tensor) {
      const auto found = positions.find(tensor.name);
      return found == positions.end() ? std::nullopt : std::optional(files_.watched(found->second));
    };
  }

  // Tokenizer, generation config, templates and code of the donor.
  Status carry(const Disk& disk, const std::string& to) {
    CarryCount count;
    return carry_folder(disk, donor_checkpoint().directory, to,
                        {.copy = true,
                         .threads = options_.threads,
                         .skip = [this](std::string_view name) { return is_left(name); }},
                        count);
  }

  const MergeOptions& options_;
  std::shared_ptr<const Catalogue> catalogue_;
  MergeReport& report_;
  std::vector<ModelRef> refs_;
  std::vector<std::unique_ptr<CheckedModel>> inputs_;
  std::vector<AdapterInput> adapters_;  // by input
  Planned planned_;
  MergeFiles files_;
  MergeThreads threads_;
  Outcome outcome_;
  std::map<std::string, std::string> texts_;
};

// A disk that others fill meanwhile. What was written is gone again by now.
Error with_remedy(Error error, const MergeReport& report) {
  if (error.message.find(std::generic_category().message(ENOSPC)) != std::string::npos) {
    error.message +=
        fmt::format("; nothing was written: make room for {}, or write to another disk",
                    human_bytes(report.write_bytes));
  }
  return error;
}

}  // namespace

Result<MergeReport> merge(const std::string& recipe_path, const MergeOptions& options) {
  SW_TRY(const std::string text, read_recipe(recipe_path));
  return merge_by_text(recipe_path, text, options);
}

Result<MergeReport> merge_by_text(const std::string& name, const std::string& text,
                                  const MergeOptions& options) {
  MergeReport report{.recipe = name};
  SW_TRY(const RecipeFile file, parse_recipe(text, method_table()));
  report.remarks = problems_of(file.notes);
  report.problems = problems_of(file.mistakes);
  if (!report.problems.empty()) return report;
  if (file.recipes.size() != 1) {
    report.problems.push_back(
        {.line = file.recipes.empty() ? 1 : file.recipes[1].at.line,
         .column = 1,
         .message = fmt::format("the file holds {} recipes: several at once are not built yet",
                                file.recipes.size())});
    return report;
  }
  const Recipe& recipe = file.recipes.front();
  report.method = recipe.method;
  SW_TRY(auto catalogue, load_catalogue(options.rules_dir));
  MergeRun run(options, std::move(catalogue), report);
  SW_TRY_OK(run.open_inputs(recipe));
  if (!report.problems.empty()) return report;
  SW_TRY_OK(run.check_output());
  if (!run.inputs_are_sound()) {
    report.refused = "inputs have errors";
    return report;
  }
  SW_TRY_OK(run.apply_adapters());
  if (!report.refused.empty()) return report;
  run.plan(recipe);
  if (!report.problems.empty()) return report;
  SW_TRY_OK(run.rehearse(text, recipe));
  if (!report.refused.empty()) return report;
  SW_TRY_OK(run.foresee());
  if (options.dry_run) return report;
  if (Status written = run.write(); !written)
    return with_remedy(std::move(written).error(), report);
  return report;
}

}  // namespace shardwright
