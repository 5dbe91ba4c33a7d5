#include "merge/adapt.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.h"
#include "base/utf8.h"
#include "merge/adapted_source.h"
#include "merge/adapter.h"
#include "merge/adapter_change.h"
#include "merge/adapter_fit.h"
#include "merge/adapter_target.h"
#include "merge/dequantize.h"
#include "merge/kernels.h"

namespace shardwright {
namespace {

class AdapterRun {
 public:
  AdapterRun(const MergeInput& input, const Adapter& adapter, bool rounds, Adaptation& result)
      : input_(input), adapter_(adapter), rounds_(rounds), result_(result), finder_(input) {}

  Status run() {
    for (const std::string& text : adapter_.problems)
      problem(text);
    result_.notes = adapter_.config.notes;
    result_.modules = adapter_.pairs.size();
    result_.saved = adapter_.parameters.size() + adapter_.rows.size();
    for (const SavedParameter& saved : adapter_.parameters)
      put(saved);
    for (const SavedRows& rows : adapter_.rows)
      put(rows);
    SW_TRY(const std::vector<FittedPair> fitted, fit_pairs(adapter_, finder_, result_.problems));
    for (const FittedPair& pair : fitted) {
      if (add(pair)) ++result_.applied;
    }
    SW_TRY_OK(settle_ties());
    finish();
    return ok();
  }

 private:
  void problem(std::string text) { result_.problems.push_back(std::move(text)); }

  AdapterChange& change_of(std::string_view name, const Tensor& base) {
    AdapterChange& change = changes_[name];
    change.base = &base;
    return change;
  }

  // A tensor of the base that the whole parameter is, of the same shape; else a problem.
  const TargetPart* whole(const std::string& parameter, const Tensor& tensor,
                          std::optional<Target>& target) {
    target = finder_.find(parameter);
    if (!target) {
      problem(fmt::format("{} has no target: the base has no {}", quoted(tensor.name),
                          quoted(parameter)));
      return nullptr;
    }
    if (!target->is_whole()) {
      problem(
          fmt::format("{} is a part of {} in the base: bring the base into the adapter's layout "
                      "first (repair --layout)",
                      quoted(tensor.name), quoted(target->parts[0].name)));
      return nullptr;
    }
    return &target->parts[0];
  }

  void put(const SavedParameter& saved) {
    std::optional<Target> target;
    const TargetPart* part = whole(saved.name, *saved.tensor, target);
    if (part == nullptr) return;
    if (!same_shape(saved.tensor->shape, target->shape)) {
      problem(
          fmt::format("{} has shape {}, and {} of the base {}: the adapter was made for another "
                      "base, or for one with another vocabulary",
                      quoted(saved.tensor->name), shape_text(saved.tensor->shape),
                      quoted(part->name), shape_text(target->shape)));
      return;
    }
    if (!takes(*part, saved.tensor->name)) return;
    change_of(part->name, *part->tensor).saved = saved.tensor;
  }

  void put(const SavedRows& saved) {
    std::optional<Target> target;
    const TargetPart* part = whole(saved.module + ".weight", *saved.rows, target);
    if (part == nullptr) return;
    const std::vector<std::uint64_t>* indices = nullptr;
    for (const auto& [name, list] : adapter_.config.token_indices) {
      if (name.empty() || ends_in(saved.module, name)) indices = &list;
    }
    const ShapeView shape = saved.rows->shape;
    if (indices == nullptr || shape.size() != 2 || target->shape.size() != 2 ||
        shape[0] != indices->size() || shape[1] != target->shape[1]) {
      problem(fmt::format("{} has shape {}, and 'trainable_token_indices' {} tokens for {} {}",
                          quoted(saved.rows->name), shape_text(shape),
                          indices == nullptr ? 0 : indices->size(), quoted(part->name),
                          shape_text(target->shape)));
      return;
    }
    RowPatch patch{.rows = *indices, .values = *saved.rows};
    if (!std::ranges::is_sorted(patch.rows, std::ranges::less_equal()) ||
        std::ranges::adjacent_find(patch.rows) != patch.rows.end() ||
        (!patch.rows.empty() && patch.rows.back() >= target->shape[0])) {
      problem(fmt::format("'trainable_token_indices' are not ascending ids below the {} rows of {}",
                          target->shape[0], quoted(part->name)));
      return;
    }
    if (!takes(*part, saved.rows->name)) return;
    AdapterChange& change = change_of(part->name, *part->tensor);
    change.computed.columns = shape[1];
    change.computed.patch = std::move(patch);
  }

  // Whether the tensor of the base is one that an adapter can change.
  bool takes(const TargetPart& part, std::string_view what) {
    if (kernel::is_float(part.tensor->dtype) && part.tensor->readable) return true;
    problem(fmt::format("{} of the base is {}: {} cannot change it, floats alone",
                        quoted(part.name), dtype_name(part.tensor->dtype), quoted(what)));
    return false;
  }

  // Two pairs for one row: by two names of one tensor.
  bool is_free(const FittedPart& part, const AdapterPair& pair) {
    const auto found = changes_.find(part.name);
    if (found == changes_.end()) return true;
    const AdaptedTensor& there = found->second.computed;
    const auto overlaps = [&](const LowRank& wanted) {
      return std::ranges::any_of(there.products, [&](const LowRank& old) {
        return wanted.first_row < old.first_row + old.left.rows &&
               old.first_row < wanted.first_row + wanted.left.rows;
      });
    };
    if ((there.columns == 0 || there.columns == part.columns) &&
        std::ranges::none_of(part.products, overlaps)) {
      return true;
    }
    problem(fmt::format("{} is for rows of {} that another pair changes", quoted(pair.a->name),
                        quoted(part.name)));
    return false;
  }

  bool add(const FittedPair& pair) {
    for (const FittedPart& part : pair.parts) {
      if (!takes({.name = part.name, .tensor = part.tensor}, pair.pair->a->name) ||
          !is_free(part, *pair.pair)) {
        return false;
      }
      AdapterChange& change = change_of(part.name, *part.tensor);
      change.computed.columns = part.columns;
      change.computed.products.insert(change.computed.products.end(), part.products.begin(),
                                      part.products.end());
    }
    AdapterChange& change = changes_[pair.parts.front().name];
    if (pair.pair->magnitude != nullptr) {
      change.computed.magnitude = *pair.pair->magnitude;
      change.computed.by_column = pair.transposed;
    }
    return pair.pair->bias == nullptr || add_bias(pair);
  }

  // lora_B's own bias goes to that of the module.
  bool add_bias(const FittedPair& pair) {
    const Tensor& bias = *pair.pair->bias;
    std::optional<Target> target;
    const TargetPart* part = whole(pair.pair->module + ".bias", bias, target);
    if (part == nullptr) return false;
    if (!same_shape(bias.shape, target->shape)) {
      problem(fmt::format("{} has shape {}, and {} of the base {}", quoted(bias.name),
                          shape_text(bias.shape), quoted(part->name), shape_text(target->shape)));
      return false;
    }
    if (!takes(*part, bias.name)) return false;
    AdapterChange& change = change_of(part->name, *part->tensor);
    change.computed.columns = element_count(bias.shape).value_or(0);
    change.computed.shift = bias;
    change.computed.shift_scale = pair.scale;
    return true;
  }

  // What the model computes with the adapter is what is merged: a head and an embedding that the
  // adapter changes apart are one weight no longer.
  Status settle_ties() {
    const Expansion* expected = input_.expected;
    if (expected == nullptr || !expected->tie.tied) return ok();
    for (const ExpectedTie& tie : expected->ties) {
      const auto source = changes_.find(tie.source);
      auto target = changes_.find(tie.target);
      if (source == changes_.end() && target == changes_.end()) continue;
      const Tensor* embedding = find_tensor(input_, tie.source);
      if (embedding == nullptr) continue;
      if (target == changes_.end() && source->second.is_rows_alone()) continue;
      if (source != changes_.end() && target != changes_.end()) {
        SW_TRY(const bool same, same_change(source->second, target->second));
        if (same) {
          changes_.erase(target);
          continue;
        }
      }
      // The other one stays what it is in the base, which is a part of what the adapter says.
      if (source == changes_.end()) change_of(tie.source, *embedding);
      if (target == changes_.end()) {
        const Tensor* stored = find_tensor(input_, tie.target);
        change_of(tie.target, stored == nullptr ? *embedding : *stored);
      }
      result_.untied.emplace_back(tie.target);
      result_.notes.push_back(
          fmt::format("{} and {} are one weight in the base, and two with the adapter: the result "
                      "is not tied",
                      quoted(tie.target), quoted(tie.source)));
    }
    return ok();
  }

  void finish() {
    const auto cache = std::make_shared<FactorCache>();
    for (auto& [name, change] : changes_) {
      if (change.base == nullptr) continue;
      change.base_bytes = stored_bytes(input_, *change.base);
      Adapted made{.name = name,
                   .tensor = change.from(),
                   .stored = stored_dtype(input_, *change.base),
                   .base = change.base,
                   .read_bytes = change.read_bytes()};
      made.tensor.shape = change.base->shape;
      if (change.is_computed()) {
        change.computed.base = change.from();
        change.computed.rounds = rounds_;
        std::ranges::sort(change.computed.products, {}, &LowRank::first_row);
        auto source = std::make_shared<AdaptedSource>(std::move(change.computed), cache);
        made.tensor.dtype = DType::kF32;
        made.tensor.offset = 0;
        made.tensor.bytes = source->size();
        made.tensor.source = source.get();
        result_.sources.push_back(std::move(source));
      }
      made.tensor.name = name;
      result_.tensors.push_back(made);
    }
  }

  const MergeInput& input_;
  const Adapter& adapter_;
  bool rounds_;
  Adaptation& result_;
  TargetFinder finder_;
  std::map<std::string_view, AdapterChange> changes_;  // by name in the result
};

}  // namespace

const Adapted* Adaptation::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(tensors, name, {}, &Adapted::name);
  return found == tensors.end() || found->name != name ? nullptr : &*found;
}

Result<Adaptation> adapt(const MergeInput& input, const Checkpoint& adapter, bool rounds) {
  SW_TRY(const Adapter read, read_adapter(adapter));
  Adaptation result;
  AdapterRun run(input, read, rounds, result);
  SW_TRY_OK(run.run());
  return result;
}

}  // namespace shardwright
