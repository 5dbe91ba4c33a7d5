#include "check/implied_fix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {

std::string stated_text(const ImpliedValue& implied) {
  return implied.is_absent
             ? fmt::format("{} is not in the config, which means {}", quoted(implied.key),
                           implied.stated)
             : fmt::format("{} is {} in the config", quoted(implied.key), implied.stated);
}

std::string what_follows(std::span<const ExpectedTensor* const> missing,
                         std::span<const Tensor* const> unexpected,
                         std::span<const ShapeMismatch> mismatched) {
  if (!mismatched.empty()) {
    const auto& [expected, stored] = mismatched.front();
    return fmt::format("{} has shape {}, expected {}; transformers refuses to load it",
                       quoted(stored->name), shape_text(stored->shape),
                       shape_text(expected->shape));
  }
  if (!missing.empty()) {
    return fmt::format("{} is missing, and transformers would fill it with random values",
                       quoted(missing.front()->name));
  }
  return fmt::format("{} is not asked for, and transformers leaves it out",
                     quoted(unexpected.front()->name));
}

std::string types_text(std::span<const OtherRule> rules) {
  std::vector<std::string> types;
  for (const OtherRule& rule : rules) {
    for (const std::string& type : rule.schema->model_types)
      types.push_back(quoted(type));
  }
  return fmt::format("{}", fmt::join(types, " or "));
}

std::vector<std::string> names_concerned(std::span<const ExpectedTensor* const> missing,
                                         std::span<const Tensor* const> unexpected,
                                         std::span<const ShapeMismatch> mismatched) {
  std::vector<std::string> names;
  for (const ExpectedTensor* wanted : missing)
    names.emplace_back(wanted->name);
  for (const Tensor* tensor : unexpected)
    names.emplace_back(tensor->name);
  for (const ShapeMismatch& mismatch : mismatched)
    names.emplace_back(mismatch.stored->name);
  return names;
}

Fix implied_fix(const Model& model, const ImpliedValue& implied, std::string_view why) {
  return unsafe_fix(
      fmt::format("set {} to {}, {}", quoted(implied.pointer), implied.implied, why),
      {edit::SetJson{model.checkpoint.config->name, implied.pointer, implied.implied}});
}

std::optional<Fix> depth_fix(const Model& model, std::vector<std::string>& places) {
  const auto& depth = model.join.implied_depth;
  if (!depth) return std::nullopt;
  for (const Tensor* tensor : model.join.implied_also)
    places.emplace_back(tensor->name);
  return implied_fix(model, *depth, kFitsAll);
}

}  // namespace shardwright
