#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/parallel.h"
#include "base/try.h"
#include "base/utf8.h"
#include "job/check_model.h"
#include "job/merge_model.h"
#include "merge/adapt.h"
#include "merge/kernels.h"
#include "merge/verify_adapter.h"
#include "shardwright/lora_job.h"

namespace shardwright {
namespace {

// Below it, what is there of a delta is chance.
constexpr double kLeastShare = 0.1;

// The tensor of that name; where the merged model ties its head, the embedding.
const Tensor* find_merged(const Model& merged, std::string_view name) {
  if (const Tensor* tensor = merged.checkpoint.find(name)) return tensor;
  if (!merged.expected || !merged.expected->tie.tied) return nullptr;
  const auto& ties = merged.expected->ties;
  const auto tie = std::ranges::find(ties, name, &ExpectedTie::target);
  return tie == ties.end() ? nullptr : merged.checkpoint.find(tie->source);
}

Result<VerifiedTensor> verify_tensor(const Adapted& adapted, const Model& merged) {
  VerifiedTensor row{.name = std::string(adapted.name), .state = DeltaState::kMissing};
  const Tensor* tensor = find_merged(merged, adapted.name);
  if (tensor == nullptr) {
    row.why = "the merged model does not have it";
    return row;
  }
  if (!same_shape(tensor->shape, adapted.tensor.shape)) {
    row.why = fmt::format("it has shape {} there, and {} in the base", shape_text(tensor->shape),
                          shape_text(adapted.tensor.shape));
    return row;
  }
  if (!tensor->readable || !kernel::is_float(tensor->dtype)) {
    row.why = fmt::format("it is {} there, which cannot be compared", dtype_name(tensor->dtype));
    return row;
  }
  SW_TRY(const DeltaMatch match, match_delta(adapted, *tensor));
  row.share = match.share();
  row.largest = match.largest;
  row.apart = match.apart;
  if (match.apart == 0) {
    row.state = DeltaState::kApplied;
  } else if (!(std::fabs(row.share) < kLeastShare)) {
    row.state = DeltaState::kOther;
  }
  return row;
}

}  // namespace

std::string_view state_name(DeltaState state) {
  switch (state) {
    case DeltaState::kApplied:
      return "applied";
    case DeltaState::kMissing:
      return "missing";
    case DeltaState::kOther:
      return "other";
  }
  return "";
}

bool VerifyReport::is_clean() const {
  return applied.problems.empty() && std::ranges::all_of(tensors, [](const VerifiedTensor& tensor) {
           return tensor.state == DeltaState::kApplied;
         });
}

Result<VerifyReport> lora_verify(const std::string& base, const std::string& adapter,
                                 const std::string& merged, const VerifyOptions& options) {
  VerifyReport report{.base = base, .adapter = adapter, .merged = merged};
  SW_TRY(const auto catalogue, load_catalogue(options.rules_dir));
  CheckOptions check{.rules_dir = options.rules_dir, .threads = options.threads};
  check.monitor.stop = options.monitor.stop;
  SW_TRY(MergeModel base_model,
         open_merge_model({.text = base, .path = base, .lora = adapter}, catalogue, check));
  if (base_model.dequantized && !base_model.dequantized->refusal.empty()) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is quantised: {}", quoted(base), base_model.dequantized->refusal)};
  }
  SW_TRY(const CheckedModel merged_model, check_model(merged, catalogue, check));
  SW_TRY_OK(adapt_model(base_model, false));
  const Adaptation& adaptation = *base_model.adaptation;
  report.applied = {.model = base,
                    .adapter = adapter,
                    .modules = adaptation.modules,
                    .applied = adaptation.applied,
                    .saved = adaptation.saved,
                    .problems = adaptation.problems};
  report.notes = adaptation.notes;
  if (!adaptation.problems.empty()) return report;
  const auto& tensors = adaptation.tensors;
  std::vector<Result<VerifiedTensor>> rows(tensors.size(), VerifiedTensor{});
  parallel_for(tensors.size(), options.threads, [&](std::size_t i) {
    if (options.monitor.stopped()) {
      rows[i] = Error{ErrorCode::kInterrupted, "interrupted"};
      return;
    }
    rows[i] = verify_tensor(tensors[i], merged_model.model);
  });
  for (auto& row : rows) {
    SW_TRY(VerifiedTensor made, std::move(row));
    report.tensors.push_back(std::move(made));
  }
  return report;
}

}  // namespace shardwright
