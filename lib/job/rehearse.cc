#include "job/rehearse.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "arch/layout.h"
#include "base/try.h"
#include "repair/stored.h"
#include "repair/ties.h"

namespace shardwright {
namespace {

// A fix may bring another to light, and that a third; more than that is a circle.
constexpr std::size_t kMaxRounds = 4;

bool names_finding(const std::vector<std::string>& words, const Finding& finding) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return word == finding.name || (word.size() >= 2 && finding.code.starts_with(word));
  });
}

PlanRequest request_of(const RepairOptions& options) {
  return {.unsafe = options.unsafe, .tie = options.tie, .wanted = [&](const Finding& finding) {
            const auto& select = options.check.select;
            return (select.empty() || names_finding(select, finding)) &&
                   !names_finding(options.check.ignore, finding);
          }};
}

std::optional<KnownTensor> known_of(const Stored& stored, const Tensor* tensor) {
  return tensor == nullptr ? std::nullopt : stored.known(*tensor);
}

// What a round leaves of each tensor's bytes: nothing of it has to be read again.
class Inheritance {
 public:
  Inheritance(const Model& model, const Plan& plan) : stored_(model) {
    for (const FileChange& change : plan.changes) {
      if (change.to.empty()) continue;
      if (!change.content) moved_[change.to] = change.from;
      if (change.content) rewritten_.insert(change.to);
    }
    for (const Heir& heir : plan.heirs)
      heirs_[heir.file + "\n" + heir.name] = heir.stored;
  }

  [[nodiscard]] std::optional<KnownTensor> find(const std::string& file,
                                                std::string_view name) const {
    if (rewritten_.contains(file)) {
      const auto heir = heirs_.find(file + "\n" + std::string(name));
      return heir == heirs_.end() ? std::nullopt : known_of(stored_, heir->second);
    }
    const auto moved = moved_.find(file);
    return known_of(stored_, stored_.at(moved == moved_.end() ? file : moved->second, name));
  }

 private:
  Stored stored_;
  std::unordered_map<std::string, std::string> moved_;  // name to come: name of now
  std::set<std::string> rewritten_;
  std::unordered_map<std::string, const Tensor*> heirs_;
};

std::vector<std::string> shard_files(const Checkpoint& checkpoint) {
  std::vector<std::string> files;
  for (const Shard& shard : checkpoint.shards)
    files.push_back(shard.file);
  return files;
}

class Stage {
 public:
  Stage(Rehearsal& rehearsal, std::shared_ptr<const Catalogue> catalogue,
        const RepairOptions& options)
      : rehearsal_(rehearsal), catalogue_(std::move(catalogue)), options_(options) {}

  Status open(Checkpoint checkpoint) {
    const std::string path = checkpoint.path;
    SW_TRY(CheckedModel checked, check_checkpoint(std::move(checkpoint), path, catalogue_,
                                                  full_check(options_), {.digests = true}));
    rehearsal_.models.push_back(std::move(checked));
    return ok();
  }

  // False where there is nothing to do.
  Result<bool> round(Plan plan) {
    if (plan.changes.empty()) return false;
    const CheckedModel& last = rehearsal_.models.back();
    rehearsal_.outcome.add(plan.changes);
    const Model& first = rehearsal_.before().model;
    SW_TRY(Checkpoint next,
           open_like(last.model.checkpoint, preview(*first.checkpoint.folder, rehearsal_.outcome),
                     options_.check));
    const Inheritance inherited(last.model, plan);
    const std::vector<std::string> files = shard_files(next);
    const auto known = [&](const Tensor& tensor) {
      return inherited.find(files[tensor.shard], tensor.name);
    };
    SW_TRY(CheckedModel checked,
           check_checkpoint(std::move(next), last.report.path, catalogue_, full_check(options_),
                            {.digests = true, .known = known}));
    rehearsal_.models.push_back(std::move(checked));
    rehearsal_.plans.push_back(std::move(plan));
    return true;
  }

  // What was asked for by an option, beside the fixes. Where it cannot be, errors of the model are
  // the reason, and findings; without any it was asked wrongly.
  Result<bool> asked(std::string_view option, Result<Plan> plan) {
    if (plan) return round(*std::move(plan));
    const std::vector<Finding>& findings = rehearsal_.after().report.findings;
    const bool flawed =
        std::ranges::find(findings, Severity::kError, &Finding::severity) != findings.end();
    if (!flawed || plan.error().code == ErrorCode::kIo) return plan.error();
    rehearsal_.denied = fmt::format("{} cannot be done: {}", option, plan.error().message);
    if (const std::string codes = unsafe_fixes(); !codes.empty()) {
      rehearsal_.denied += fmt::format("; '--unsafe' applies a fix of {}", codes);
    }
    return false;
  }

 private:
  // The errors that --unsafe would mend.
  [[nodiscard]] std::string unsafe_fixes() const {
    const CheckedModel& now = rehearsal_.after();
    std::set<std::string> codes;
    for (const Finding& finding : now.report.findings) {
      const bool mends = finding.fix && finding.fix->safety == Safety::kUnsafe &&
                         !finding.fix->edits.empty() && finding.severity == Severity::kError;
      const bool decided = options_.tie != TieForm::kAsFound && is_about_ties(now.model, finding);
      if (mends && !decided && !options_.unsafe) codes.insert(finding.code);
    }
    return fmt::format("{}", fmt::join(codes, ", "));
  }

  Rehearsal& rehearsal_;
  std::shared_ptr<const Catalogue> catalogue_;
  const RepairOptions& options_;
};

std::string_view option_of(TieForm form) {
  switch (form) {
    case TieForm::kDrop:
      return "--drop-tied";
    case TieForm::kMaterialize:
      return "--materialize-tied";
    case TieForm::kUntie:
      return "--untie";
    case TieForm::kAsFound:
      break;
  }
  return "";
}

}  // namespace

CheckOptions full_check(const RepairOptions& options) {
  CheckOptions check = options.check;
  check.data = true;
  // These say which fixes are wanted, not what a result may have.
  check.select.clear();
  check.ignore.clear();
  return check;
}

Result<Checkpoint> open_like(const Checkpoint& checkpoint, std::unique_ptr<Folder> folder,
                             const CheckOptions& options) {
  std::string file;
  if (checkpoint.kind == CheckpointKind::kFile) file = checkpoint.shards.front().file;
  if (checkpoint.kind == CheckpointKind::kIndex) file = checkpoint.index->name;
  return open_checkpoint(std::move(folder), open_options(options), checkpoint.kind, file);
}

Result<Rehearsal> rehearse(Checkpoint checkpoint, std::shared_ptr<const Catalogue> catalogue,
                           const RepairOptions& options) {
  Rehearsal rehearsal;
  Stage stage(rehearsal, std::move(catalogue), options);
  SW_TRY_OK(stage.open(std::move(checkpoint)));
  if (const auto& expected = rehearsal.before().model.expected;
      expected && !options.layout.empty()) {
    SW_TRY_OK(is_for_files(*expected->schema, options.layout));
  }
  const PlanRequest request = request_of(options);
  const auto now = [&]() -> const Model& { return rehearsal.after().model; };
  bool form_done = false;
  bool layout_done = options.layout.empty();
  for (std::size_t rounds = 0;;) {
    SW_TRY(Plan plan, plan_fixes(now(), rehearsal.after().report.findings, request));
    rehearsal.left = plan.left;  // what an earlier round left, this one may have done
    if (rounds == kMaxRounds && !plan.changes.empty()) {
      for (const PlanStep& step : plan.steps) {
        if (!step.code.empty()) rehearsal.unsettled.push_back(step.code);
      }
      return rehearsal;
    }
    SW_TRY(const bool fixed, stage.round(std::move(plan)));
    if (fixed) {
      ++rounds;
      continue;
    }
    // What is asked for is asked of names and shapes that are right.
    if (!std::exchange(form_done, true)) {
      SW_TRY(const bool formed, stage.asked(option_of(options.tie), plan_form(now(), options.tie)));
      if (formed) continue;
    }
    if (!rehearsal.denied.empty() || std::exchange(layout_done, true)) return rehearsal;
    SW_TRY(const bool moved,
           stage.asked("--layout " + options.layout, plan_layout(now(), options.layout)));
    if (!moved) return rehearsal;
    form_done = false;  // the layout may hold the head in another place
  }
}

}  // namespace shardwright
