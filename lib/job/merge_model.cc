#include "job/merge_model.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "check/equal_values.h"
#include "check/tie.h"

namespace shardwright {
namespace {

std::string path_of(const std::string& path, const std::string& revision) {
  return revision.empty() ? path : path + '@' + revision;
}

// Checked as all models are; of inputs alone pickled weights are read, too.
Result<CheckedModel> open_input(const std::string& path, std::shared_ptr<const Catalogue> catalogue,
                                const CheckOptions& options) {
  OpenOptions open = open_options(options);
  open.pickled = true;
  SW_TRY(Checkpoint checkpoint, open_checkpoint(path, open));
  return check_checkpoint(std::move(checkpoint), path, std::move(catalogue), options);
}

const Expansion* rule_of(const Model& model) {
  return model.expected && model.expected->usable ? &*model.expected : nullptr;
}

Status prove_ties(Model& model, const Monitor& monitor) {
  for (TieFacts& tie : model.data.ties) {
    if (tie.bytes != TieBytes::kEqualSample) continue;
    const Tensor& target = *model.checkpoint.find(tie.target);
    const Tensor& source = *model.checkpoint.find(tie.source);
    if (holds_same_numbers(target.dtype, source.dtype)) {
      SW_TRY(tie.bytes, compare_values(target, source, true, monitor));
      continue;
    }
    SW_TRY(const bool same, same_bytes(target, source));
    tie.bytes = same ? TieBytes::kEqual : TieBytes::kDiffer;
  }
  return ok();
}

}  // namespace

Result<MergeModel> open_merge_model(const ModelRef& ref, std::shared_ptr<const Catalogue> catalogue,
                                    const CheckOptions& options) {
  SW_TRY(CheckedModel checked, open_input(path_of(ref.path, ref.revision), catalogue, options));
  return merge_model_of(ref, std::make_shared<CheckedModel>(std::move(checked)),
                        std::move(catalogue), options);
}

Result<MergeModel> merge_model_of(const ModelRef& ref, std::shared_ptr<CheckedModel> checked,
                                  std::shared_ptr<const Catalogue> catalogue,
                                  const CheckOptions& options) {
  MergeModel model{.ref = ref, .checked = std::move(checked)};
  SW_TRY_OK(prove_ties(model.checked->model, options.monitor));
  model.dequantized = dequantize(model.checkpoint(), rule_of(model.checked->model));
  if (ref.lora.empty()) return model;
  SW_TRY(CheckedModel adapter,
         open_input(path_of(ref.lora, ref.lora_revision), std::move(catalogue), options));
  model.adapter = std::make_unique<CheckedModel>(std::move(adapter));
  return model;
}

Status adapt_model(MergeModel& model, bool compat) {
  if (!model.adapter) return ok();
  SW_TRY(model.adaptation, adapt(merge_input(model), model.adapter->model.checkpoint, compat));
  return ok();
}

MergeInput merge_input(const MergeModel& model) {
  const Model& stored = model.checked->model;
  MergeInput input{
      .model = model.ref, .checkpoint = &stored.checkpoint, .expected = rule_of(stored)};
  if (model.dequantized) input.dequantized = &*model.dequantized;
  for (const TieFacts& tie : stored.data.ties) {
    const bool tied = stored.expected && stored.expected->tie.tied;
    if (tied && tie.bytes == TieBytes::kEqual) input.redundant.push_back(tie.target);
  }
  if (const MergePlan* plan = model.made_by; plan != nullptr && plan->tensor_bytes > 0) {
    input.reads_per_byte =
        static_cast<double>(plan->read_bytes) / static_cast<double>(plan->tensor_bytes);
  }
  if (!model.adaptation) return input;
  input.adaptation = &*model.adaptation;
  std::erase_if(input.redundant, [&](const std::string& name) {
    const auto& untied = model.adaptation->untied;
    return std::ranges::find(untied, name) != untied.end();
  });
  return input;
}

}  // namespace shardwright
