#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check/join_explain.h"

namespace shardwright {
namespace {

enum class ClassFit : std::uint8_t { kNone, kButLabels, kWhole };

// Whether `other` expects each stored tensor, and all that it needs is stored. What it alone passes
// over (an encoder the decoder) is no tensor of it: of such a model it would hide every defect.
ClassFit fit_of(const Checkpoint& checkpoint, const Expansion& expected, const Expansion& other) {
  if (!other.usable) return ClassFit::kNone;
  ClassFit fit = ClassFit::kWhole;
  for (const Tensor& tensor : checkpoint.tensors) {
    const ExpectedTensor* wanted = other.find(tensor.name);
    if (wanted == nullptr) {
      if (other.is_ignored(tensor.name) && expected.is_ignored(tensor.name)) continue;
      return ClassFit::kNone;
    }
    if (same_shape(wanted->shape, tensor.shape)) continue;
    // How many labels there are, only the config of the right class says.
    if (wanted->role != Role::kScore) return ClassFit::kNone;
    fit = ClassFit::kButLabels;
  }
  const bool all_there = std::ranges::all_of(other.tensors, [&](const ExpectedTensor& wanted) {
    return wanted.optional || checkpoint.find(wanted.name) != nullptr;
  });
  return all_there ? fit : ClassFit::kNone;
}

bool names_a_class(const json::Value& config) {
  const json::Value* named = config.find("architectures");
  return named != nullptr && named->array() != nullptr && !named->array()->empty();
}

// Whether all names are the class's own. The bare model's, without its prefix, are a layout of it.
bool has_its_names(const Expansion& expected, const Join& join) {
  constexpr std::string_view kBareLayout = "base";
  return join.unexpected.empty() && join.odd_prefix.empty() && expected.layout != kBareLayout;
}

// A head that was lost leaves the tensors of the bare model, where that has the same names.
bool lacks_head_alone(const Expansion& expected, const Join& join) {
  return has_its_names(expected, join) && join.missing.size() == 1 &&
         join.missing.front()->role == Role::kHead;
}

}  // namespace

void explain_class(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || !join.mismatched.empty() || !join.lost.empty()) return;
  if (join.missing.empty() && join.unexpected.empty()) return;
  if (names_a_class(*config) && lacks_head_alone(expected, join)) return;
  // Classes differ by a head, or by a prefix of all names.
  constexpr std::size_t kMostOfAHead = 64;
  if (join.missing.size() > kMostOfAHead && join.unexpected.size() * 2 < join.missing.size())
    return;
  const auto names = names_of(checkpoint);
  std::size_t whole = 0;  // of other_class, in front
  for (const SchemaClass& other : expected.schema->classes) {
    if (other.name == expected.class_name) continue;
    const auto expanded =
        expand(*expected.schema, *config, {.class_name = other.name, .names = names});
    const ClassFit fit = expanded ? fit_of(checkpoint, expected, *expanded) : ClassFit::kNone;
    if (fit == ClassFit::kNone) continue;
    const bool is_whole = fit == ClassFit::kWhole;
    join.other_class.insert(is_whole
                                ? join.other_class.begin() + static_cast<std::ptrdiff_t>(whole++)
                                : join.other_class.end(),
                            other.name);
  }
  if (join.other_class.empty()) return;
  join.lacks_nothing_of_class = join.missing.empty();
  join.class_leaves_out = has_its_names(expected, join);
  join.missing.clear();
  join.unexpected.clear();
  join.odd_prefix.clear();
}

}  // namespace shardwright
