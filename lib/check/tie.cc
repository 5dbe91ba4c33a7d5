#include "check/tie.h"

#include <algorithm>

#include "check/check.h"
#include "check/equal_values.h"

namespace shardwright {

std::vector<StoredTie> stored_ties(const Model& model) {
  std::vector<StoredTie> ties;
  if (!model.join.compared) return ties;
  for (const ExpectedTie& tie : model.expected->ties) {
    const Tensor* target = model.checkpoint.find(tie.target);
    if (target == nullptr) continue;
    StoredTie stored{.target = target, .source = model.checkpoint.find(tie.source)};
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
