#include "repair/plan.h"

#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "check/causes.h"
#include "repair/claims.h"
#include "repair/stored.h"
#include "repair/ties.h"
#include "repair/workshop.h"

namespace shardwright {
namespace {

bool applies(const Model& model, const Finding& finding, const PlanRequest& request) {
  if (!finding.fix || finding.fix->edits.empty()) return false;
  if (finding.fix->safety == Safety::kNever) return false;
  if (finding.fix->safety == Safety::kUnsafe && !request.unsafe) return false;
  if (request.tie != TieForm::kAsFound && is_about_ties(model, finding)) return false;
  return !request.wanted || request.wanted(finding);
}

// Applies one edit, and says where its value comes from.
struct Apply {
  Workshop& work;
  const Stored& stored;
  const Finding& finding;
  const std::set<const Tensor*>& dropped;

  Status operator()(const edit::DropTensor& e) const {
    const Tensor* tensor = stored.at(e.file, e.tensor);
    const Tensor* twin = tensor == nullptr ? nullptr : stored.twin(*tensor, dropped);
    std::string why;
    if (twin != nullptr) {
      why = fmt::format("{} in {} of {}, which stays", every_part_of(*tensor, *twin),
                        quoted(twin->name), quoted(stored.file_of(*twin)));
    } else if (tensor != nullptr && is_computed_buffer(stored.model().join, *tensor)) {
      why = fmt::format("the classes of {} compute it when they are built", expecting());
    } else if (tensor != nullptr) {
      why = fmt::format("{} has no such tensor, and all that it needs is there", expecting());
    }
    return work.drop(e.file, e.tensor, reason(std::move(why)));
  }
  Status operator()(const edit::RenameTensor& e) const {
    if (dropped.contains(stored.at(e.file, e.from))) return ok();
    return work.rename(
        e.file, e.from, e.to,
        reason(fmt::format("to {}: the name that {} expects", quoted(e.to), expecting())));
  }
  Status operator()(const edit::ReshapeTensor& e) const {
    if (dropped.contains(stored.at(e.file, e.tensor))) return ok();
    return work.reshape(
        e.file, e.tensor, e.shape,
        reason(fmt::format("to {}: the shape that {} expects, the elements in the same order",
                           shape_text(e.shape), expecting())));
  }
  Status operator()(const edit::TransposeTensor& e) const {
    const Tensor* tensor = stored.at(e.file, e.tensor);
    if (tensor == nullptr || dropped.contains(tensor)) return ok();
    return work.transpose(e.file, *tensor,
                          reason(fmt::format("rows and columns exchanged: {} expects [{}, {}]",
                                             expecting(), tensor->shape[1], tensor->shape[0])));
  }
  Status operator()(const edit::RelayShard& e) const {
    return work.relay(e.file, e.relabel,
                      reason("the tensors' own bytes, placed by their dtypes and shapes"));
  }
  Status operator()(const edit::DropFile& e) const {
    work.remove_file(e.file, reason("the set that is loaded has all that the schema expects"));
    return ok();
  }
  Status operator()(const edit::RebuildIndex&) const {
    work.rebuild_index(reason("written from the headers of the shards"));
    return ok();
  }
  Status operator()(const edit::NumberShards&) const {
    work.number_shards(reason("the shards that are there, by their number"));
    return ok();
  }
  Status operator()(const edit::SetJson& e) const {
    return work.set_json(e.file, e.pointer, e.value, reason(finding.message));
  }

  [[nodiscard]] Reason reason(std::string why) const {
    return {.code = finding.code, .safety = finding.fix->safety, .why = std::move(why)};
  }
  [[nodiscard]] std::string expecting() const {
    const Model& model = stored.model();
    return model.detection.schema != nullptr
               ? fmt::format("the schema '{}'", model.detection.schema->name)
               : "the config";
  }
};

// Applies the fixes of all these findings. Where an edit fails, its fix would be applied by half:
// returns its position, and the workshop is of no use any more.
std::optional<std::size_t> apply_all(Workshop& work, const Stored& stored,
                                     const std::vector<const Finding*>& findings,
                                     std::string& why) {
  const std::set<const Tensor*> dropped = dropped_tensors(stored, findings);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    for (const Edit& edit : findings[i]->fix->edits) {
      const Status status = std::visit(Apply{work, stored, *findings[i], dropped}, edit);
      if (status) continue;
      why = status.error().message;
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Plan> plan_fixes(const Model& model, const std::vector<Finding>& findings,
                        const PlanRequest& request) {
  std::vector<const Finding*> chosen;
  for (const Finding& finding : findings) {
    if (applies(model, finding, request)) chosen.push_back(&finding);
  }
  const Stored stored(model);
  std::vector<std::string> left = take_out_contradictions(stored, chosen);
  std::optional<Workshop> work;
  work.emplace(model, request.unsafe);
  std::string why;
  while (const auto failed = apply_all(*work, stored, chosen, why)) {
    const Finding& finding = *chosen[*failed];
    left.push_back(
        fmt::format("{} ({}) is left: {}", quoted(finding.fix->summary), finding.code, why));
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(*failed));
    work.emplace(model, request.unsafe);
  }
  SW_TRY(Plan plan, work->finish());
  plan.left = std::move(left);
  return plan;
}

}  // namespace shardwright
