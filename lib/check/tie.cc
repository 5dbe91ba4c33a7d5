#include "check/tie.h"

#include <algorithm>

#include "check/check.h"
#include "check/equal_values.h"
#include "check/purpose.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

// Whether, among quantised weights, this one is stored as the rule has it, and nothing beside it
// says that it is packed.
bool is_plain(const Model& model, const Tensor& tensor) {
  const ExpectedTensor* wanted = model.expected_of(tensor);
  if (wanted == nullptr || !same_shape(wanted->shape, tensor.shape)) return false;
  if (dtype_class(tensor.dtype) != DTypeClass::kFloat || dtype_bits(tensor.dtype) < 16)
    return false;
  const std::string_view module = module_name(tensor.name);
  return std::ranges::none_of(model.checkpoint.tensors, [&](const Tensor& other) {
    const auto part = quant_part(other.name);
    return part && part->module == module;
  });
}

}  // namespace

std::vector<StoredTie> stored_ties(const Model& model) {
  std::vector<StoredTie> ties;
  const bool hidden = !model.join.compared;
  if (hidden && (model.join.quantization.empty() || is_adapter(model.checkpoint))) return ties;
  for (const ExpectedTie& tie : model.expected->ties) {
    const Tensor* target = model.checkpoint.find(tie.target);
    if (target == nullptr) continue;
    StoredTie stored{.target = target, .source = model.checkpoint.find(tie.source)};
    if (hidden && (!is_plain(model, *target) || stored.source == nullptr ||
                   !is_plain(model, *stored.source))) {
      continue;
    }
    const auto facts = std::ranges::find_if(model.data.ties, [&](const TieFacts& candidate) {
      return candidate.target == tie.target && candidate.source == tie.source;
    });
    if (facts != model.data.ties.end()) {
      stored.bytes = facts->bytes;
    } else if (stored.source != nullptr &&
               (!same_shape(stored.source->shape, target->shape) ||
                (stored.source->dtype != target->dtype &&
                 !holds_same_numbers(stored.source->dtype, target->dtype)))) {
      stored.bytes = TieBytes::kDiffer;
    }
    ties.push_back(stored);
  }
  return ties;
}

}  // namespace shardwright
