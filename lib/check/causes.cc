#include "check/causes.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "check/other_config.h"

namespace shardwright {

bool has_foreign_names(const Join& join) {
  const bool lacks = !join.missing.empty() || !join.lost.empty();
  return join.matched == 0 && join.mismatched.empty() && lacks && !join.unexpected.empty();
}

bool is_placeholder_shape(ShapeView stored, ShapeView wanted) {
  if (std::ranges::find(stored, std::uint64_t{0}) != stored.end()) return true;
  const bool one = stored.size() == 1 && stored.front() == 1;
  return one && std::ranges::any_of(wanted, [](std::uint64_t extent) { return extent > 1; });
}

bool is_buffer_name(std::string_view name) {
  constexpr auto kEnds = std::to_array<std::string_view>(
      {".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", "rope.freqs",
       ".masked_bias", ".attn.bias", ".attention.bias", ".crossattention.bias",
       "embeddings.position_ids"});
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

bool is_computed_buffer(const Join& join, const Tensor& tensor) {
  return is_buffer_name(tensor.name) &&
         std::ranges::find(join.ignored, &tensor) != join.ignored.end();
}

bool counts_stored_layers(const Checkpoint& checkpoint, const Expansion& expected, const Join& join,
                          const ConfigProblem& problem) {
  if (problem.kind != ConfigProblem::Kind::kListLength || !expected.layers) return false;
  const std::uint64_t layers = *expected.layers;
  std::uint64_t depth = layers;
  if (!join.surplus_layers.empty()) {
    depth = static_cast<std::uint64_t>(join.surplus_layers.rbegin()->first) + 1;
  } else if (!join.absent_layers.empty()) {
    // The last ones, up to the config's count.
    const auto first = static_cast<std::uint64_t>(join.absent_layers.begin()->first);
    if (first + join.absent_layers.size() != layers) return false;
    depth = first;
  }
  const json::Value* list = checkpoint.config_value()->find_path(dotted_key(problem.pointer));
  return depth != layers && list != nullptr && list->array() != nullptr &&
         list->array()->size() == depth;
}

MismatchCause explanation_of(const ShapeMismatch& mismatch) {
  const ShapeView stored = mismatch.stored->shape;
  const ShapeView wanted = mismatch.expected->shape;
  const Role role = mismatch.expected->role;
  if (role == Role::kRouter || role == Role::kRouterBias || role == Role::kSharedGate) {
    return MismatchCause::kGate;
  }
  if (is_placeholder_shape(stored, wanted)) return MismatchCause::kEmpty;
  if ((role == Role::kEmbedding || role == Role::kHead) && stored.size() == 2 &&
      wanted.size() == 2 && stored[1] == wanted[1]) {
    return MismatchCause::kVocabulary;
  }
  return MismatchCause::kNone;
}

}  // namespace shardwright
