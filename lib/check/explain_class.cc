#include <algorithm>

#include "check/join_explain.h"

namespace shardwright {
namespace {

// Whether the class expects each stored tensor, and all that it needs is stored.
bool fits_class(const Checkpoint& checkpoint, const Expansion& expected) {
  if (!expected.usable) return false;
  const auto is_expected = [&](const Tensor& tensor) {
    const ExpectedTensor* wanted = expected.find(tensor.name);
    if (wanted == nullptr) return expected.is_ignored(tensor.name);
    // How many labels there are, only the config of the right class says.
    return wanted->role == Role::kScore || same_shape(wanted->shape, tensor.shape);
  };
  return std::ranges::all_of(checkpoint.tensors, is_expected) &&
         std::ranges::all_of(expected.tensors, [&](const ExpectedTensor& wanted) {
           return wanted.optional || checkpoint.find(wanted.name) != nullptr;
         });
}

}  // namespace

void explain_class(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || !join.mismatched.empty() || !join.lost.empty()) return;
  if (join.missing.empty() && join.unexpected.empty()) return;
  // Classes differ by a head, or by a prefix of all names.
  constexpr std::size_t kMostOfAHead = 64;
  if (join.missing.size() > kMostOfAHead && join.unexpected.size() * 2 < join.missing.size())
    return;
  const auto names = names_of(checkpoint);
  for (const SchemaClass& other : expected.schema->classes) {
    if (other.name == expected.class_name) continue;
    const auto expanded =
        expand(*expected.schema, *config, {.class_name = other.name, .names = names});
    if (expanded && fits_class(checkpoint, *expanded)) join.other_class.push_back(other.name);
  }
  if (join.other_class.empty()) return;
  join.lacks_nothing_of_class = join.missing.empty();
  join.missing.clear();
  join.unexpected.clear();
  join.odd_prefix.clear();
}

}  // namespace shardwright
