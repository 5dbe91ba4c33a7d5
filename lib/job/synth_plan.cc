#include "job/synth_plan.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

Error refused(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

DType dtype_of(const ExpectedTensor& tensor, DType model) {
  if (tensor.dtype == ExpectedDType::kFp8) return DType::kF8E4M3;
  if (tensor.dtype == ExpectedDType::kScale) return DType::kF32;
  return model;
}

ValueKind kind_of(const ExpectedTensor& tensor) {
  if (tensor.role == Role::kBlockScale) return ValueKind::kScale;
  if (tensor.role == Role::kNorm && tensor.name.ends_with(".weight")) return ValueKind::kNorm;
  return ValueKind::kWeight;
}

Result<MadeTensor> make_tensor(const ExpectedTensor& tensor, DType model, std::uint64_t seed) {
  const DType dtype = dtype_of(tensor, model);
  const auto bytes = size_in_bytes(dtype, tensor.shape);
  if (!bytes) {
    return refused(fmt::format("{} of shape {} is larger than any file", quoted(tensor.name),
                               shape_text(tensor.shape)));
  }
  return MadeTensor{
      .spec = {.name = std::string(tensor.name),
               .dtype = dtype,
               .shape = Shape(tensor.shape.begin(), tensor.shape.end())},
      .bytes = *bytes,
      .values = {.key = value_key(seed, tensor.name), .kind = kind_of(tensor), .dtype = dtype}};
}

Result<SynthPlan> plan_tensors(const Expansion& expansion, DType dtype,
                               const SynthOptions& options) {
  SynthPlan plan;
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0;
  for (const ExpectedTensor& tensor : expansion.tensors) {
    if (tensor.optional) continue;
    SW_TRY(auto made, make_tensor(tensor, dtype, options.seed));
    const auto sum = checked_add(total, made.bytes);
    if (!sum) return refused("the tensors together are larger than any disk");
    total = *sum;
    sizes.push_back(made.bytes);
    plan.tensors.push_back(std::move(made));
  }
  if (plan.tensors.empty()) return refused("the config has no tensors");
  if (options.shards == 0) {
    plan.shards = split_by_size(sizes, options.max_shard_size);
  } else {
    SW_TRY(plan.shards, split_by_count(sizes, options.shards));
  }
  return plan;
}

// Stores every tied tensor, which belongs nowhere, in the last shard.
Status store_tied(const Expansion& expansion, const SynthOptions& options, bool equal,
                  SynthPlan& plan) {
  if (!expansion.tie.tied || expansion.ties.empty()) {
    return refused(
        fmt::format("the defect {} needs a config that ties its head", quoted(options.defect)));
  }
  for (const ExpectedTie& tie : expansion.ties) {
    const auto source = std::ranges::find(plan.tensors, tie.source, [](const MadeTensor& tensor) {
      return std::string_view(tensor.spec.name);
    });
    if (source == plan.tensors.end()) continue;
    MadeTensor copy = *source;
    copy.spec.name = tie.target;
    if (!equal) copy.values.key = value_key(options.seed, tie.target);
    plan.shards.back().push_back(plan.tensors.size());
    plan.tensors.push_back(std::move(copy));
  }
  return ok();
}

struct DefectRow {
  SynthDefect defect;
  Status (*apply)(const Expansion& expansion, const SynthOptions& options, SynthPlan& plan){};
};

constexpr std::array<DefectRow, 2> kDefects = {{
    {{"spurious-head", "a tied head is stored as well, equal to the embedding"},
     [](const Expansion& expansion, const SynthOptions& options, SynthPlan& plan) {
       return store_tied(expansion, options, true, plan);
     }},
    {{"diverged-head", "a tied head is stored as well, and differs from the embedding"},
     [](const Expansion& expansion, const SynthOptions& options, SynthPlan& plan) {
       return store_tied(expansion, options, false, plan);
     }},
}};

Status apply_defect(const Expansion& expansion, const SynthOptions& options, SynthPlan& plan) {
  if (options.defect.empty()) return ok();
  for (const DefectRow& row : kDefects) {
    if (row.defect.name == options.defect) return row.apply(expansion, options, plan);
  }
  std::string names;
  for (const DefectRow& row : kDefects)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", row.defect.name);
  return refused(fmt::format("there is no defect {}: {}", quoted(options.defect), names));
}

}  // namespace

Result<SynthPlan> plan_synth(const Expansion& expansion, DType dtype, const SynthOptions& options) {
  SW_TRY(SynthPlan plan, plan_tensors(expansion, dtype, options));
  SW_TRY_OK(apply_defect(expansion, options, plan));
  return plan;
}

std::vector<SynthDefect> synth_defects() {
  std::vector<SynthDefect> defects;
  for (const DefectRow& row : kDefects)
    defects.push_back(row.defect);
  return defects;
}

}  // namespace shardwright
