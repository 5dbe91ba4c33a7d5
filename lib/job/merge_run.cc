#include "job/merge_run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/meter.h"
#include "base/process.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "check/purpose.h"
#include "checkpoint/index.h"
#include "checkpoint/shard_split.h"
#include "io/folder.h"
#include "job/describe_plan.h"
#include "job/merge_facts.h"
#include "job/run_merge.h"
#include "merge/plan_digest.h"
#include "merge/tokenizer_files.h"
#include "shardwright/version.h"
#include "write/carry.h"
#include "write/place.h"
#include "write/staged_dir.h"
#include "write/write_file.h"
#include "write/write_files.h"

namespace shardwright {
namespace {

constexpr std::string_view kConfigName = "config.json";
constexpr std::string_view kCardName = "README.md";

bool is_weights_or_index(std::string_view name) {
  constexpr std::array<std::string_view, 8> kEndings = {
      ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".gguf", ".pt", ".pth",
      ".h5"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

// What was made of models says how in such a file.
bool is_recipe(std::string_view name) {
  return name == "mergekit_config.yml" || name == "mergekit_moe_config.yml";
}

bool is_paper(std::string_view name) {
  return name == kCardName || name == "LICENSE";
}

// Files of the donor that stay behind: weights, and what the merge writes itself.
bool stays_behind(std::string_view name) {
  return is_weights_or_index(name) || name == kConfigName || is_recipe(name) ||
         name == ".gitattributes" || name.starts_with(".git/") || name.starts_with(".cache/") ||
         name.find('/') != std::string_view::npos;
}

// The plan's files outlive whatever looks at them.
std::shared_ptr<const PlannedFile> share(const PlannedFile* file) {
  return {std::shared_ptr<void>(), file};
}

}  // namespace

MergeRun::MergeRun(const MergeContext& context, MergeTask task, const Documents& earlier)
    : context_(context), task_(std::move(task)), earlier_(earlier) {
  report_.document = task_.name;
  report_.method = task_.method;
}

Status MergeRun::prepare() {
  SW_TRY_OK(open_models());
  if (!report_.problems.empty()) return ok();
  SW_TRY_OK(check_output());
  if (!inputs_are_sound()) {
    report_.refused = "inputs have errors";
    return ok();
  }
  report_.findings = task_.compare(models_);
  if (std::ranges::any_of(report_.findings, [this](const Finding& f) { return stops(f); })) {
    report_.refused = "the inputs do not go together";
    return ok();
  }
  SW_TRY_OK(apply_adapters());
  if (!report_.problems.empty() || !report_.refused.empty()) return ok();
  SW_TRY_OK(plan());
  return report_.problems.empty() ? rehearse() : ok();
}

Status MergeRun::open_models() {
  for (const ModelRef& ref : task_.models) {
    CheckOptions check = check_options();
    if (!ref.architecture.empty()) {
      const Schema* schema = context_.catalogue->by_class(ref.architecture);
      if (schema == nullptr) {
        add_problem(ref.at, fmt::format("'override_architecture': no rule describes the class {}",
                                        quoted(ref.architecture)));
        continue;
      }
      check.arch = schema->name;
    }
    const auto document = earlier_.find(ref.path);
    const bool is_made = document != earlier_.end();
    auto opened = is_made
                      ? merge_model_of(ref, document->second->result_, context_.catalogue, check)
                      : open_merge_model(ref, context_.catalogue, check);
    if (!opened) {
      if (opened.error().code == ErrorCode::kInterrupted) return std::move(opened).error();
      add_problem(ref.at, opened.error().message);
      continue;
    }
    MergeModel model = *std::move(opened);
    if (is_made) {
      model.made_by = &document->second->planned_.plan;
    } else {
      report_.inputs.push_back(model.checked->report);
    }
    if (is_adapter(model.checkpoint())) {
      add_problem(ref.at, fmt::format("{} is an adapter: a model with it is written base+adapter",
                                      quoted(ref.text)));
    }
    const Checkpoint& stored = model.checkpoint();
    if (stored.kind == CheckpointKind::kFolder && !stored.config && !is_adapter(stored)) {
      add_problem(ref.at,
                  fmt::format("{} has no config.json: copy it from the model that this one was "
                              "made from, or name a .safetensors file in it, which is merged by "
                              "name",
                              quoted(ref.text)));
    }
    if (model.adapter) report_.inputs.push_back(model.adapter->report);
    models_.push_back(std::move(model));
  }
  std::ranges::sort(report_.problems, {}, [](const RecipeProblem& problem) {
    return std::pair(problem.line, problem.column);
  });
  report_.models = models_.size();
  return ok();
}

void MergeRun::add_problem(Mark at, std::string message) {
  report_.problems.push_back({at.line, at.column, std::move(message)});
}

// Nothing is written into an input, nor around one.
Status MergeRun::check_output() const {
  const auto place = real_place(options().output);
  if (!place) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {}: {}", quoted(options().output), place.error().message)};
  }
  for (const MergeModel& model : models_) {
    if (model.made_by == nullptr) SW_TRY_OK(stays_out(*place, model.checkpoint(), model.ref));
    if (model.adapter) SW_TRY_OK(stays_out(*place, model.adapter->model.checkpoint, model.ref));
  }
  return ok();
}

Status MergeRun::stays_out(const std::string& place, const Checkpoint& checkpoint,
                           const ModelRef& ref) const {
  SW_TRY(const std::string input, real_path(checkpoint.directory));
  const bool is_folder = checkpoint.kind != CheckpointKind::kFile;
  const bool would_go = is_within(input, place) && (is_folder || options().overwrite);
  if (!would_go && !(is_folder && is_within(place, input))) return ok();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("output {} and the model {} lie inside each other",
                           quoted(options().output), quoted(ref.text))};
}

// Findings of the inputs that stop the merge: errors, but those that are allowed.
bool MergeRun::inputs_are_sound() const {
  return std::ranges::none_of(report_.inputs, [this](const ModelReport& input) {
    return std::ranges::any_of(input.findings,
                               [this](const Finding& finding) { return stops(finding); });
  });
}

// Pairs are fitted to their targets; where one has none, the report says so and refuses.
Status MergeRun::apply_adapters() {
  for (MergeModel& model : models_) {
    if (Status adapted = adapt_model(model, options().compat); !adapted) {
      if (adapted.error().code == ErrorCode::kInterrupted) return adapted;
      add_problem(model.ref.at, adapted.error().message);
      continue;
    }
    if (!model.adaptation) continue;
    const Adaptation& made = *model.adaptation;
    report_.adapters.push_back({.model = model.ref.path,
                                .adapter = model.adapter->report.path,
                                .modules = made.modules,
                                .applied = made.applied,
                                .saved = made.saved,
                                .problems = made.problems});
    if (!made.problems.empty()) report_.refused = "an adapter does not fit its base";
  }
  return ok();
}

Status MergeRun::plan() {
  std::vector<MergeInput> inputs;
  for (const MergeModel& model : models_)
    inputs.push_back(merge_input(model));
  planned_ = task_.plan(std::move(inputs));
  if (planned_.interrupted) return *planned_.interrupted;
  report_.problems = problems_of(planned_.mistakes);
  if (report_.problems.empty()) describe_plan(planned_.plan, models_, report_);
  return ok();
}

void MergeRun::serve() {
  files_.compute_when_read();
}

// Lays the files out, and checks them as if they were there.
Status MergeRun::rehearse() {
  SW_TRY(files_, merge_files(planned_.plan));
  const MergePlan& plan = planned_.plan;
  for (std::size_t i = 0; i < files_.shards.size(); ++i)
    outcome_.files[shard_name(i, files_.shards.size())].content = share(files_.shards[i].get());
  if (files_.shards.size() > 1) add_text(kIndexName, index_text());
  if (!plan.config.empty()) add_text(kConfigName, plan.config);
  for (const PlannedText& file : plan.files)
    add_text(file.name, file.text);
  if (!context_.name.empty()) add_text(context_.name, context_.text);
  if (has_card()) {
    report_.notes.push_back(fmt::format("{} is that of {}, as it is there", kCardName,
                                        quoted(models_[plan.donor].ref.text)));
  } else if (options().card) {
    add_text(kCardName, task_.card());
  }
  if (const MergeRun* maker = maker_of_donor()) {
    for (const auto& [name, text] : maker->texts_) {
      if (!is_left(name)) add_text(name, text);
    }
  }
  const Checkpoint& donor = donor_checkpoint();
  for (const FolderEntry& entry : donor.folder->entries()) {
    if (is_left(entry.name)) outcome_.gone.insert(entry.name);
  }
  SW_TRY(Checkpoint result,
         open_checkpoint(preview(*donor.folder, outcome_), open_options(check_options())));
  return judge(std::move(result), false);
}

Status MergeRun::foresee(std::span<const MergePlan* const> plans) {
  SW_TRY(threads_, merge_threads(plans, options().threads, options().memory_limit));
  report_.threads = threads_.computing;
  report_.peak_memory = threads_.peak_bytes;
  for (const auto& shard : files_.shards)
    report_.write_bytes += shard->size();
  for (const auto& [name, text] : texts_)
    report_.write_bytes += text.size();
  for (const FolderEntry& entry : donor_checkpoint().folder->entries()) {
    if (!is_left(entry.name)) report_.write_bytes += entry.bytes;
  }
  if (options().dry_run) {
    SW_TRY(const double seconds, merge_seconds(planned_.plan, threads_.computing));
    report_.estimated_seconds = seconds;
    if (const Status free = StagedDir::accepts(options().output, existing()); !free) {
      report_.notes.push_back(
          fmt::format("{}: the merge will stop there{}", free.error().message,
                      options().overwrite ? "" : "; --overwrite replaces a model"));
    }
  }
  return check_space(options().output, report_.write_bytes,
                     StagedDir::disk_bytes_of_remains(options().output, existing()));
}

Status MergeRun::write() {
  const auto begin = std::chrono::steady_clock::now();
  const Disk disk;
  SW_TRY(const std::string place, real_place(options().output));
  SW_TRY_OK(make_folders_above(disk, "/", std::string_view(place).substr(1)));
  const std::vector<PlanFact> now = facts();
  SW_TRY(StagedDir staged, stage(disk, now));
  if (Status written = write_into(disk, staged.path(), now); !written) {
    const ErrorCode code = written.error().code;
    const bool may_go_on = code == ErrorCode::kInterrupted || code == ErrorCode::kIo;
    const auto journal = read_journal(staged.path());
    keeps_ = options().resume && may_go_on && journal && !journal->tiles.empty();
    if (keeps_) staged.keep();
    return written;
  }
  if (!report_.refused.empty()) return ok();
  SW_TRY_OK(Journal::remove(disk, staged.path()));
  const std::array<std::string, 2> last = {std::string(kIndexName), std::string(kConfigName)};
  SW_TRY_OK(staged.publish(last));
  report_.published = true;
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report_.memory_taken = peak_resident_bytes();
  return ok();
}

// A folder to write into: that of a killed run, where it is to be gone on with.
Result<StagedDir> MergeRun::stage(const Disk& disk, std::span<const PlanFact> now) {
  if (options().resume) {
    std::string difference_found;
    const auto picks = [&](const std::string& folder) {
      auto journal = read_journal(folder);
      if (!journal) return false;
      difference_found = difference(journal->facts, now);
      if (!difference_found.empty()) return false;
      earlier_run_ = *std::move(journal);
      return true;
    };
    SW_TRY(auto staged, StagedDir::resume(disk, options().output, existing(), picks));
    if (staged) return *std::move(staged);
    if (!difference_found.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("what a killed run left of {} cannot be gone on with: {}; without "
                               "--resume it goes, and the merge begins afresh",
                               quoted(options().output), difference_found)};
    }
    report_.notes.emplace_back("there was nothing to resume: the merge began afresh");
  }
  return StagedDir::create(disk, options().output, existing());
}

Status MergeRun::write_into(const Disk& disk, const std::string& folder,
                            std::span<const PlanFact> now) {
  const bool resumes = earlier_run_.has_value();
  if (resumes) SW_TRY_OK(clear_texts(disk, folder));
  SW_TRY(Journal journal, resumes ? Journal::reopen(disk, folder, *earlier_run_)
                                  : Journal::create(disk, folder, now));
  SW_TRY_OK(carry(disk, folder, [](std::string_view) { return false; }));
  Meter meter(options().monitor, "merging", planned_.plan.tensor_bytes);
  std::vector<FileToWrite> shards;
  for (std::size_t i = 0; i < files_.shards.size(); ++i) {
    const std::string name = shard_name(i, files_.shards.size());
    shards.push_back({join_path(folder, name), files_.shards[i].get()});
  }
  WriteFilesOptions how{.threads = threads_.computing,
                        .waiting = threads_.waiting,
                        .meter = &meter,
                        .journal = &journal,
                        .resume = resumes,
                        .kept = files_.kept};
  if (resumes) how.written = earlier_run_->tiles;
  SW_TRY(report_.resumed_bytes, write_files(disk, shards, *files_.preparation, how));
  if (resumes) {
    report_.notes.push_back(fmt::format("a run that was stopped had written {} of {}",
                                        human_bytes(report_.resumed_bytes),
                                        human_bytes(report_.write_bytes)));
  }
  for (const auto& [name, text] : texts_)
    SW_TRY_OK(write_text(disk, join_path(folder, name), text));
  SW_TRY(auto opened, open_folder(folder));
  SW_TRY(Checkpoint result, open_checkpoint(std::move(opened), open_options(check_options())));
  return judge(std::move(result), true);
}

// All that a killed run wrote beside the shards and its journal: it is written anew.
Status MergeRun::clear_texts(const Disk& disk, const std::string& folder) const {
  SW_TRY(const auto listing, open_folder(folder));
  std::set<std::string, std::less<>> stay = {std::string(kJournalName)};
  for (std::size_t i = 0; i < files_.shards.size(); ++i)
    stay.insert(shard_name(i, files_.shards.size()));
  for (const FolderEntry& entry : listing->entries()) {
    if (!stay.contains(entry.name)) SW_TRY_OK(disk.remove_tree(join_path(folder, entry.name)));
  }
  return ok();
}

Existing MergeRun::existing() const {
  return options().overwrite ? Existing::kReplaceModel : Existing::kRefuse;
}

// All that the bytes of the shards depend on, the nearest cause of a difference first.
std::vector<PlanFact> MergeRun::facts() const {
  std::vector<PlanFact> facts = {
      text_fact("the version of shardwright", version()),
      text_fact(context_.name.empty() ? "what is asked for" : "the recipe", context_.text),
      text_fact("--random-seed", std::to_string(options().seed)),
      text_fact("--compat", options().compat ? "mergekit" : ""),
      text_fact("--max-shard-size", std::to_string(options().max_shard_size))};
  std::vector<const MergeRun*> runs;
  for (const auto& [name, run] : earlier_)
    runs.push_back(run);
  runs.push_back(this);
  for (const MergeRun* run : runs) {
    for (const MergeModel& model : run->models_)
      add_input_facts(model, facts);
  }
  for (const MergeRun* run : runs) {
    const std::string& name = run->task_.name;
    facts.push_back({name.empty() ? "the plan" : fmt::format("the plan of {}", quoted(name)),
                     digest_of_plan(run->planned_.plan)});
  }
  return facts;
}

CheckOptions MergeRun::check_options() const {
  CheckOptions check{.rules_dir = options().rules_dir, .threads = options().threads};
  check.monitor.stop = options().monitor.stop;
  return check;
}

bool MergeRun::stops(const Finding& finding) const {
  if (finding.severity != Severity::kError) return false;
  return std::ranges::none_of(options().allow, [&](const std::string& word) {
    return word == finding.name || (word.size() >= 2 && finding.code.starts_with(word));
  });
}

// Files of the donor that the result does not get, or gets with another text.
bool MergeRun::is_left(std::string_view name) const {
  const MergePlan& plan = planned_.plan;
  return stays_behind(name) || (is_paper(name) && !task_.keeps_papers) ||
         (!options().copy_tokenizer && is_tokenizer_file(name)) ||
         std::ranges::find(plan.left, name) != plan.left.end() ||
         std::ranges::find(plan.files, name, &PlannedText::name) != plan.files.end();
}

// The donor's own, which the result keeps.
bool MergeRun::has_card() const {
  if (!task_.keeps_papers || donor_is_file()) return false;
  return std::ranges::any_of(donor_checkpoint().folder->entries(), [](const FolderEntry& entry) {
    return entry.name == kCardName && entry.kind == EntryKind::kFile;
  });
}

bool MergeRun::donor_is_file() const {
  const MergeRun* maker = maker_of_donor();
  return maker != nullptr ? maker->donor_is_file()
                          : donor_checkpoint().kind == CheckpointKind::kFile;
}

const Checkpoint& MergeRun::donor_checkpoint() const {
  return models_[planned_.plan.donor].checkpoint();
}

// The document that makes the donor; null where files hold it.
const MergeRun* MergeRun::maker_of_donor() const {
  const MergeModel& donor = models_[planned_.plan.donor];
  return donor.made_by == nullptr ? nullptr : earlier_.find(donor.ref.path)->second;
}

void MergeRun::add_text(std::string_view name, std::string text) {
  texts_[std::string(name)] = text;
  outcome_.files[std::string(name)].content = std::make_shared<PlannedFile>(std::move(text));
}

std::string MergeRun::index_text() const {
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
Status MergeRun::judge(Checkpoint result, bool written) {
  CheckOptions check = check_options();
  // What these say depends on values that are not there yet.
  if (!written) check.ignore = {"AR412", "AR413", "AR415"};
  // Who merges files by name has no config, and wants none.
  if (donor_is_file()) check.ignore.emplace_back("CF301");
  DataRequest data = written ? watched() : DataRequest{};
  const std::string& name = task_.name.empty() ? options().output : task_.name;
  SW_TRY(CheckedModel checked,
         check_checkpoint(std::move(result), name, context_.catalogue, check, std::move(data)));
  result_ = std::make_shared<CheckedModel>(std::move(checked));
  report_.result = result_->report;
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
DataRequest MergeRun::watched() const {
  const auto positions = std::make_shared<std::unordered_map<std::string_view, std::size_t>>();
  for (std::size_t i = 0; i < planned_.plan.tensors.size(); ++i)
    positions->emplace(planned_.plan.tensors[i].name, i);
  DataRequest request;
  request.watched = [this, positions](const Tensor& tensor) -> std::optional<ScanResult> {
    const auto found = positions->find(tensor.name);
    if (found == positions->end()) return std::nullopt;
    return files_.watched(found->second);
  };
  request.norms = [this, positions](const Tensor& tensor) -> std::optional<NormChange> {
    const auto found = positions->find(tensor.name);
    return found == positions->end() ? std::nullopt : files_.norms(found->second);
  };
  return request;
}

// Tokenizer, generation config, templates and code of the donor.
Status MergeRun::carry(const Disk& disk, const std::string& to,
                       const std::function<bool(std::string_view name)>& also_left) const {
  const auto is_folder = [&](std::string_view name) {
    const auto& entries = donor_checkpoint().folder->entries();
    const auto entry = std::ranges::find(entries, name, &FolderEntry::name);
    return entry != entries.end() && entry->kind == EntryKind::kFolder;
  };
  const auto skip = [&](std::string_view name) {
    return is_left(name) || also_left(name) || is_folder(name);
  };
  if (const MergeRun* maker = maker_of_donor()) return maker->carry(disk, to, skip);
  // What lies around a file belongs to nobody knows what.
  if (donor_is_file()) return ok();
  CarryCount count;
  return carry_folder(disk, donor_checkpoint().directory, to,
                      {.copy = true, .threads = options().threads, .skip = skip}, count);
}

}  // namespace shardwright
