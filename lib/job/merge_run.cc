#include "job/merge_run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/meter.h"
#include "base/process.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "checkpoint/index.h"
#include "checkpoint/shard_split.h"
#include "io/folder.h"
#include "job/describe_plan.h"
#include "job/merge_facts.h"
#include "job/merge_inputs.h"
#include "job/run_merge.h"
#include "job/watched_values.h"
#include "merge/plan_digest.h"
#include "shardwright/version.h"
#include "write/place.h"
#include "write/staged_dir.h"
#include "write/write_file.h"
#include "write/write_files.h"

namespace shardwright {
namespace {

constexpr std::string_view kConfigName = "config.json";
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
  SW_TRY_OK(open());
  if (!report_.problems.empty()) return ok();
  SW_TRY_OK(keep_apart(options(), models_));
  if (!inputs_are_sound()) {
    report_.refused = "inputs have errors";
    return ok();
  }
  report_.findings = task_.compare(models_);
  if (std::ranges::any_of(report_.findings, [this](const Finding& f) { return stops(f); })) {
    report_.refused = "the inputs do not go together";
    return ok();
  }
  SW_TRY_OK(apply_adapters(models_, options().compat, report_));
  if (!report_.problems.empty() || !report_.refused.empty()) return ok();
  SW_TRY_OK(plan());
  return report_.problems.empty() ? rehearse() : ok();
}

// Models of the task, and where one names an earlier document what that makes.
Status MergeRun::open() {
  const auto made = [this](const std::string& name) -> std::optional<MadeModel> {
    const auto document = earlier_.find(name);
    if (document == earlier_.end()) return std::nullopt;
    const MergeRun& run = *document->second;
    return MadeModel{run.result_, &run.planned_.plan};
  };
  SW_TRY(models_, open_models(task_.models, made, context_.catalogue, check_options(), report_));
  return ok();
}

// Findings of the inputs that stop the merge: errors, but those that are allowed.
bool MergeRun::inputs_are_sound() const {
  return std::ranges::none_of(report_.inputs, [this](const ModelReport& input) {
    return std::ranges::any_of(input.findings,
                               [this](const Finding& finding) { return stops(finding); });
  });
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
  const MergeModel& donor = models_[plan.donor];
  // The document that makes the donor; null where files hold it.
  const MergeRun* maker =
      donor.made_by == nullptr ? nullptr : earlier_.find(donor.ref.path)->second;
  side_ = {.plan = &plan,
           .donor = &donor.checkpoint(),
           .makers = maker == nullptr ? nullptr : &maker->side_,
           .keeps_papers = task_.keeps_papers,
           .copy_tokenizer = options().copy_tokenizer,
           .threads = options().threads};
  for (std::size_t i = 0; i < files_.shards.size(); ++i)
    outcome_.files[shard_name(i, files_.shards.size())].content = share(files_.shards[i].get());
  if (files_.shards.size() > 1) add_text(kIndexName, index_text());
  if (!plan.config.empty()) add_text(kConfigName, plan.config);
  for (const PlannedText& file : plan.files)
    add_text(file.name, file.text);
  if (!context_.name.empty()) add_text(context_.name, context_.text);
  if (keeps_card(side_)) {
    report_.notes.push_back(
        fmt::format("{} is that of {}, as it is there", kCardName, quoted(donor.ref.text)));
  } else if (options().card) {
    add_text(kCardName, task_.card());
  }
  if (maker != nullptr) {
    for (const auto& [name, text] : maker->texts_) {
      if (!is_left(side_, name)) add_text(name, text);
    }
  }
  const Folder& folder = *side_.donor->folder;
  for (const FolderEntry& entry : folder.entries()) {
    if (is_left(side_, entry.name)) outcome_.gone.insert(entry.name);
  }
  SW_TRY(Checkpoint result,
         open_checkpoint(preview(folder, outcome_), open_options(check_options())));
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
  report_.write_bytes += side_bytes(side_);
  if (options().dry_run) {
    SW_TRY(const double seconds, merge_seconds(planned_.plan, threads_.computing));
    report_.estimated_seconds = seconds;
    if (const Status free = accepts_result(options()); !free) {
      const bool is_taken = free.error().code == ErrorCode::kInvalidArgument;
      report_.output_refused = true;
      report_.notes.push_back(
          fmt::format("{}: the merge will stop there{}", free.error().message,
                      is_taken && !options().overwrite ? "; --overwrite replaces a model" : ""));
      return ok();
    }
  }
  return check_space(options().output, report_.write_bytes,
                     StagedDir::disk_bytes_of_remains(options().output, existing_of(options())));
}

Status MergeRun::write() {
  const auto begin = std::chrono::steady_clock::now();
  const Disk disk;
  SW_TRY(const std::string place, real_place(options().output));
  SW_TRY_OK(make_folders_above(disk, "/", std::string_view(place).substr(1)));
  const std::vector<PlanFact> now = facts();
  SW_TRY(MergeStage stage, stage_merge(disk, options(), now, report_.notes));
  StagedDir& staged = stage.dir;
  if (Status written = write_into(disk, stage, now); !written) {
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

Status MergeRun::write_into(const Disk& disk, const MergeStage& stage,
                            std::span<const PlanFact> now) {
  const std::string& folder = stage.dir.path();
  const bool resumes = stage.earlier.has_value();
  if (resumes) SW_TRY_OK(clear_beside_shards(disk, folder, files_.shards.size()));
  SW_TRY(Journal journal, resumes ? Journal::reopen(disk, folder, *stage.earlier)
                                  : Journal::create(disk, folder, now));
  SW_TRY_OK(carry_side_files(disk, side_, folder, [](std::string_view) { return false; }));
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
  if (resumes) how.written = stage.earlier->tiles;
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
  if (donor_is_file(side_)) check.ignore.emplace_back("CF301");
  DataRequest data = written ? watched_values(planned_.plan, files_) : DataRequest{};
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

}  // namespace shardwright
