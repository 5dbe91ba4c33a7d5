// AR430: some weights have another dtype than the rest of their kind.
// docs/checks/AR430-odd-dtype.md
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/mixed_save.h"
#include "check/name_numbers.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using Tensors = std::vector<const Tensor*>;
using ByDType = std::map<DType, Tensors>;

bool is_plain_float(const Tensor& tensor) {
  return dtype_class(tensor.dtype) == DTypeClass::kFloat && dtype_bits(tensor.dtype) >= 16;
}

// Quantised weights stand beside scales and skipped modules of other dtypes.
bool is_quantised(const Model& model) {
  const json::Value* config = model.checkpoint.config_value();
  const json::Value* method = config == nullptr ? nullptr : config->find("quantization_config");
  if (method != nullptr && !method->is_null()) return true;
  return std::ranges::any_of(model.checkpoint.tensors, [](const Tensor& tensor) {
    const bool is_float = dtype_class(tensor.dtype) == DTypeClass::kFloat;
    return is_float ? dtype_bits(tensor.dtype) < 16 : tensor.shape.size() > 1;
  });
}

// The dtype of most bytes.
DType main_dtype_of(const ByDType& kinds) {
  const auto bytes = [](const Tensors& tensors) {
    std::uint64_t sum = 0;
    for (const Tensor* tensor : tensors)
      sum += tensor->bytes * 8 / dtype_bits(tensor->dtype);
    return sum;
  };
  const auto less = [&](const auto& a, const auto& b) { return bytes(a.second) < bytes(b.second); };
  return std::ranges::max_element(kinds, less)->first;
}

// "of layer 3", where all have a number.
std::string whose(const Tensors& tensors) {
  std::vector<std::int32_t> numbers;
  for (const Tensor* tensor : tensors) {
    const auto all = numbers_of(tensor->name);
    if (all.empty()) return "";
    numbers.push_back(all.front().value);
  }
  std::ranges::sort(numbers);
  numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
  return fmt::format(" of {} {}", numbers.size() == 1 ? "layer" : "layers", number_runs(numbers));
}

// What the rule has no place for is told for that.
bool is_foreign(const Model& model, const Tensor& tensor) {
  return model.join.compared && model.expected_of(tensor) == nullptr;
}

// A matrix that the rule wants in the dtype of the model, of a layer.
bool is_common_matrix(const Model& model, const Tensor* tensor) {
  if (tensor->name.ends_with(".DenseReluDense.wo.weight")) return false;  // T5 keeps it in float32
  const ExpectedTensor* expected = model.join.compared ? model.expected_of(*tensor) : nullptr;
  return expected != nullptr && expected->dtype == ExpectedDType::kModel && expected->layer >= 0 &&
         expected->shape.size() > 1 &&
         (expected->role == Role::kNone || expected->role == Role::kExpert ||
          expected->role == Role::kSharedExpert);
}

class DTypeJudge {
 public:
  explicit DTypeJudge(const Model& model) : model_(model) {
    ByDType all;
    for (const Tensor& tensor : model.checkpoint.tensors) {
      if (!is_plain_float(tensor) || is_foreign(model, tensor)) continue;
      places_[without_numbers(tensor.name)][tensor.dtype].push_back(&tensor);
      all[tensor.dtype].push_back(&tensor);
    }
    if (all.size() < 2) return;
    const DType main = main_dtype_of(all);
    for (const auto& [place, kinds] : places_) {
      const DType usual = kinds.contains(main) ? main : main_dtype_of(kinds);
      for (const auto& [dtype, tensors] : kinds) {
        if (dtype == usual) {
          if (usual != main && !is_kept_wider(usual, main, tensors))
            add(dtype, main, false, tensors);
        } else {
          add(dtype, usual, true, tensors);
        }
      }
    }
  }

  struct Kind {
    DType dtype{}, other{};
    bool among_layers{};  // other layers have the other dtype in the same place

    friend auto operator<=>(const Kind&, const Kind&) = default;
  };
  [[nodiscard]] const std::map<Kind, Tensors>& found() const { return found_; }

 private:
  // Classes keep routers, norms and heads in float32 on purpose; nobody means float64, or a
  // narrower dtype for all weights of a kind.
  [[nodiscard]] bool is_kept_wider(DType kind, DType main, const Tensors& tensors) const {
    return kind == DType::kF32 && main != DType::kF64 &&
           !std::ranges::all_of(
               tensors, [&](const Tensor* tensor) { return is_common_matrix(model_, tensor); });
  }

  void add(DType dtype, DType other, bool among_layers, const Tensors& tensors) {
    Tensors& all = found_[{dtype, other, among_layers}];
    all.insert(all.end(), tensors.begin(), tensors.end());
  }

  const Model& model_;
  std::map<std::string, ByDType> places_;
  std::map<Kind, Tensors> found_;
};

void odd_dtype(const Model& model, const Reporter& report) {
  if (is_quantised(model)) return;
  const auto mixed = mixed_save(model.checkpoint);
  if (mixed && mixed->by == MixedSave::By::kDType) return;  // IX215
  const DTypeJudge judge(model);
  for (const auto& [kind, tensors] : judge.found()) {
    std::vector<std::string> names;
    for (const Tensor* tensor : tensors)
      names.emplace_back(tensor->name);
    const std::string rest =
        kind.among_layers
            ? fmt::format("those of the same place in other layers {}", dtype_name(kind.other))
            : fmt::format("most of the model {}", dtype_name(kind.other));
    const bool alone = names.size() == 1;
    Report finding{
        .message = fmt::format(
            "{}{} {} stored as {}, and {}: loaders convert all to one dtype, and what the "
            "narrower one lost is not got back",
            some_of(names), whose(tensors), alone ? "is" : "are", dtype_name(kind.dtype), rest),
        .group = fmt::format("{}/{}/{}", dtype_name(kind.dtype), dtype_name(kind.other),
                             kind.among_layers)};
    if (alone) {
      finding.file = model.checkpoint.shards[tensors.front()->shard].file;
      finding.tensor = names.front();
    }
    finding.places = std::move(names);
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kOddDType;
constinit const Check kOddDType{
    .code = "AR430",
    .name = "odd-dtype",
    .summary = "some weights have another dtype than the rest of their kind",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = odd_dtype,
};

}  // namespace shardwright
