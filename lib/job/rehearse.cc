#include "job/rehearse.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "repair/stored.h"

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

 private:
  Rehearsal& rehearsal_;
  std::shared_ptr<const Catalogue> catalogue_;
  const RepairOptions& options_;
};

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
  const PlanRequest request = request_of(options);
  bool layout_done = options.layout.empty();
  for (std::size_t round = 0;; ++round) {
    const CheckedModel& now = rehearsal.models.back();
    SW_TRY(Plan plan, plan_fixes(now.model, now.report.findings, request));
    rehearsal.left = plan.left;  // what an earlier round left, this one may have done
    if (round >= kMaxRounds + 1 && !plan.changes.empty()) {
      for (const PlanStep& step : plan.steps) {
        if (!step.code.empty()) rehearsal.unsettled.push_back(step.code);
      }
      return rehearsal;
    }
    SW_TRY(const bool changed, stage.round(std::move(plan)));
    if (changed) continue;
    if (layout_done) return rehearsal;
    layout_done = true;
    SW_TRY(Plan layout, plan_layout(rehearsal.models.back().model, options.layout));
    SW_TRY(const bool moved, stage.round(std::move(layout)));
    if (!moved) return rehearsal;
  }
}

}  // namespace shardwright
