#include "check/causes.h"

#include <algorithm>

namespace shardwright {

bool has_foreign_names(const Join& join) {
  const bool lacks = !join.missing.empty() || !join.lost.empty();
  return join.matched == 0 && join.mismatched.empty() && lacks && !join.unexpected.empty();
}

MismatchCause explanation_of(const ShapeMismatch& mismatch) {
  const ShapeView stored = mismatch.stored->shape;
  const ShapeView wanted = mismatch.expected->shape;
  const Role role = mismatch.expected->role;
  if (role == Role::kRouter || role == Role::kRouterBias || role == Role::kSharedGate) {
    return MismatchCause::kGate;
  }
  if (std::ranges::find(stored, std::uint64_t{0}) != stored.end()) return MismatchCause::kEmpty;
  if ((role == Role::kEmbedding || role == Role::kHead) && stored.size() == 2 &&
      wanted.size() == 2 && stored[1] == wanted[1]) {
    return MismatchCause::kVocabulary;
  }
  return MismatchCause::kNone;
}

}  // namespace shardwright
