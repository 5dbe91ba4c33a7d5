#include "shardwright/repair_job.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/meter.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "checkpoint/model_path.h"
#include "job/check_model.h"
#include "job/find_rule.h"
#include "job/rehearse.h"
#include "job/repair_on.h"
#include "repair/apply.h"
#include "repair/stored.h"
#include "repair/verify.h"
#include "write/in_place.h"
#include "write/place.h"
#include "write/staged_dir.h"
#include "write/undo.h"

namespace shardwright {
namespace {

Error unusable(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// The files that a repair in place writes or takes away.
std::vector<std::string> changed_names(const Outcome& outcome) {
  std::vector<std::string> names = outcome.removed();
  for (const auto& [name, file] : outcome.files)
    names.push_back(name);
  return names;
}

// The folder that a repair in place of this MODEL changes, also where the model is in pieces.
Result<std::string> folder_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return real_path(path);
  const auto model = locate_model(path);
  if (model) return real_path(model->directory);
  auto parent = real_path(parent_of(path));
  if (!parent || !exists(join_path(*parent, kUndoFolder))) return model.error();
  return parent;
}

// An unfinished switch: finished by a repair in place, in the way of everything else.
Status settle(const Disk& disk, const std::string& folder, const RepairOptions& options) {
  SW_TRY(const bool half, is_half_switched(folder));
  if (!half) return ok();
  if (!options.output.empty() || options.dry_run) {
    return Error{ErrorCode::kIo,
                 fmt::format("an unfinished repair in place of {} is in the way: 'repair "
                             "--in-place' finishes it, 'repair --undo' takes it back",
                             quoted(folder, kShownPath))};
  }
  SW_TRY(const InPlace finished, InPlace::begin(disk, folder));
  return ok();
}

Status check_places(const Checkpoint& checkpoint, const std::string& output) {
  SW_TRY(const std::string model, real_path(checkpoint.directory));
  const auto place = real_path(output);
  if (!place) return ok();  // the staging says what is wrong with it
  if (*place == model) {
    return unusable("the output is the model itself: '--in-place' changes it where it is");
  }
  // One file takes nothing along from beside it.
  if (is_within(*place, model) && checkpoint.kind != CheckpointKind::kFile) {
    return unusable(fmt::format("output {} lies inside the model", quoted(output, kShownPath)));
  }
  if (is_within(model, *place)) {
    return unusable(fmt::format("the model lies inside output {}", quoted(output, kShownPath)));
  }
  return ok();
}

std::set<std::string> flaws_of_files(const std::vector<Finding>& findings) {
  std::set<std::string> codes;
  for (const Finding& finding : findings) {
    const bool of_files = finding.code.starts_with("ST") || finding.code.starts_with("IX");
    if (of_files && finding.severity == Severity::kError) codes.insert(finding.code);
  }
  return codes;
}

// Why this result is not fit to be published; empty where it is.
std::string refusal(const Rehearsal& rehearsal, const RepairOptions& options) {
  if (!rehearsal.unsettled.empty()) {
    return fmt::format("the fixes of {} undo each other", fmt::join(rehearsal.unsettled, ", "));
  }
  const std::set<std::string> before = flaws_of_files(rehearsal.before().report.findings);
  for (const std::string& code : flaws_of_files(rehearsal.after().report.findings)) {
    if (!before.contains(code)) {
      return fmt::format("the result would have an error that the model has not, {}", code);
    }
  }
  if (!rehearsal.denied.empty()) return "what was asked for cannot be done while errors are left";
  const Summary after = summarize({rehearsal.after().report});
  if (after.error > 0 && !options.partial) {
    return fmt::format(
        "{} left; '--partial' publishes all the same",
        after.error == 1 ? std::string("an error is") : fmt::format("{} errors are", after.error));
  }
  return "";
}

class RepairRun {
 public:
  RepairRun(const Disk& disk, const Rehearsal& rehearsal,
            std::shared_ptr<const Catalogue> catalogue, const RepairOptions& options,
            RepairReport& report)
      : disk_(disk),
        rehearsal_(rehearsal),
        catalogue_(std::move(catalogue)),
        options_(options),
        report_(report),
        meter_(options.check.monitor, "writing", bytes_to_write(rehearsal.outcome)) {}

  Status to_output() {
    SW_TRY(StagedDir staged, StagedDir::create(disk_, options_.output));
    SW_TRY(const StageCount count,
           stage_folder(disk_, original(), rehearsal_.outcome, staged.path(), stage_options()));
    std::set<std::string> linked;
    for (const std::string& path : count.linked_files)
      linked.insert(path.substr(staged.path().size() + 1));
    SW_TRY(auto folder, open_folder(staged.path()));
    SW_TRY_OK(
        verify(std::move(folder), [&](const std::string& file) { return linked.contains(file); }));
    SW_TRY_OK(staged.publish(entry_names(original())));
    finish(count);
    return ok();
  }

  Status in_place() {
    SW_TRY(InPlace work, InPlace::begin(disk_, original().directory));
    StageCount count;
    SW_TRY(std::vector<Change> changes,
           stage_changes(disk_, original(), rehearsal_.outcome, work, stage_options(), count));
    SW_TRY_OK(verify_in_place(work));
    SW_TRY_OK(work.publish(std::move(changes)));
    finish(count);
    return ok();
  }

 private:
  [[nodiscard]] const Checkpoint& original() const { return rehearsal_.before().model.checkpoint; }

  StageOptions stage_options() {
    return {.copy = options_.copy, .threads = options_.check.threads, .meter = &meter_};
  }

  // The folder as it will be, with the files that were staged.
  Status verify_in_place(const InPlace& work) {
    Outcome staged = rehearsal_.outcome;
    std::vector<std::unique_ptr<ByteSource>> sources;
    for (auto& [name, file] : staged.files) {
      if (!file.content) continue;  // moved: the same file
      SW_TRY(auto source, open_file(join_path(work.staging(), name)));
      auto content = std::make_shared<PlannedFile>(std::string());
      content->append(*source, 0, source->size());
      file.content = std::move(content);
      sources.push_back(std::move(source));
    }
    const auto is_same = [&](const std::string& file) {
      const auto found = staged.files.find(file);
      return found == staged.files.end() || !found->second.content;
    };
    return verify(preview(*original().folder, staged), is_same);
  }

  // Reads what was staged, but for shards that are the same file as before, and checks it.
  Status verify(std::unique_ptr<Folder> folder,
                const std::function<bool(const std::string& file)>& is_same) {
    const CheckedModel& planned = rehearsal_.after();
    const Stored stored(planned.model);
    SW_TRY(Checkpoint checkpoint, open_like(original(), std::move(folder), options_.check));
    std::vector<std::string> files;
    for (const Shard& shard : checkpoint.shards)
      files.push_back(shard.file);
    const auto known = [&](const Tensor& tensor) -> std::optional<KnownTensor> {
      if (!is_same(files[tensor.shard])) return std::nullopt;
      const Tensor* same = stored.at(files[tensor.shard], tensor.name);
      return same == nullptr ? std::nullopt : stored.known(*same);
    };
    SW_TRY(const CheckedModel checked,
           check_checkpoint(std::move(checkpoint), report_.model, catalogue_, full_check(options_),
                            {.digests = true, .known = known}));
    SW_TRY_OK(verify_staged(planned.model, checked.model));
    const Summary expected = summarize({planned.report});
    const Summary found = summarize({checked.report});
    if (found.error > expected.error || found.warning > expected.warning) {
      return Error{ErrorCode::kIo,
                   fmt::format("a check of what was staged finds more than was planned: {} errors "
                               "and {} warnings instead of {} and {}",
                               found.error, found.warning, expected.error, expected.warning)};
    }
    return ok();
  }

  void finish(const StageCount& count) {
    report_.published = true;
    report_.bytes_written = count.written;
    report_.bytes_linked = count.linked;
    for (const std::string& name : count.left_out)
      report_.notes.push_back("left out " + name);
  }

  const Disk& disk_;
  const Rehearsal& rehearsal_;
  std::shared_ptr<const Catalogue> catalogue_;
  const RepairOptions& options_;
  RepairReport& report_;
  Meter meter_;
};

void describe(const Rehearsal& rehearsal, RepairReport& report) {
  const auto add_notes = [&](const std::vector<std::string>& notes) {
    for (const std::string& note : notes) {
      if (std::ranges::find(report.notes, note) == report.notes.end()) report.notes.push_back(note);
    }
  };
  for (const Plan& plan : rehearsal.plans) {
    report.plan.insert(report.plan.end(), plan.steps.begin(), plan.steps.end());
    add_notes(plan.notes);
  }
  add_notes(rehearsal.left);
  if (!rehearsal.denied.empty()) add_notes({rehearsal.denied});
  report.left = rehearsal.after().report.findings;
  report.before = summarize({rehearsal.before().report});
  report.after = summarize({rehearsal.after().report});
  report.nothing_to_do = rehearsal.outcome.empty();
}

}  // namespace

Result<RepairReport> repair(const std::string& path, const RepairOptions& options) {
  return repair_on(Disk(), path, options);
}

Result<RepairReport> repair_on(const Disk& disk, const std::string& path,
                               const RepairOptions& options) {
  SW_TRY_OK(validate({options.check.select, options.check.ignore, options.check.severity}));
  SW_TRY(auto catalogue, load_catalogue(options.check.rules_dir));
  if (!options.check.arch.empty()) SW_TRY_OK(find_rule(*catalogue, options.check.arch));
  SW_TRY(const std::string folder, folder_of(path));
  SW_TRY_OK(settle(disk, folder, options));
  SW_TRY(Checkpoint checkpoint, open_checkpoint(path, open_options(options.check)));
  if (!options.output.empty()) SW_TRY_OK(check_places(checkpoint, options.output));

  SW_TRY(const Rehearsal rehearsal, rehearse(std::move(checkpoint), catalogue, options));
  RepairReport report{.model = path};
  describe(rehearsal, report);
  report.refused = refusal(rehearsal, options);
  const bool in_place = options.output.empty();
  if (in_place && report.nothing_to_do && rehearsal.denied.empty()) {
    report.refused.clear();  // there is nothing to publish
  }
  if (!report.refused.empty() || (in_place && report.nothing_to_do)) return report;
  if (in_place) {
    const std::string& directory = rehearsal.before().model.checkpoint.directory;
    SW_TRY_OK(InPlace::accepts(directory, changed_names(rehearsal.outcome)));
  }
  if (options.dry_run) {
    if (!in_place) SW_TRY_OK(StagedDir::accepts(options.output, Existing::kRefuse));
    return report;
  }
  if (options.check.monitor.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
  RepairRun run(disk, rehearsal, std::move(catalogue), options, report);
  Status written = in_place ? run.in_place() : run.to_output();
  if (written) return report;
  Error error = std::move(written).error();
  if (says_disk_is_full(error)) {
    error.message += "; " + remedy_of_full_disk(bytes_to_write(rehearsal.outcome));
  }
  return error;
}

Result<std::vector<std::string>> undo_repair(const std::string& path, bool dry_run) {
  SW_TRY(const std::string folder, folder_of(path));
  auto undone = undo_last(Disk(), folder, dry_run);
  if (undone || !says_disk_is_full(undone.error())) return undone;
  Error error = std::move(undone).error();
  error.message +=
      "; make room, or free files where 'df -i' shows that none are: hardly any are needed";
  return error;
}

Status forget_repair(const std::string& path, bool dry_run) {
  SW_TRY(const std::string folder, folder_of(path));
  return forget_all(Disk(), folder, dry_run);
}

}  // namespace shardwright
