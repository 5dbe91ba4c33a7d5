#include "check/needless.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "arch/name_fit.h"
#include "base/text.h"
#include "check/coverage.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

// Nothing in the model but what the rule expects, and what the rule does not know.
bool is_else_sound(const Model& model) {
  const Join& join = model.join;
  return join.compared && coverage(model).complete && !lacks_tensors(join) &&
         join.mismatched.empty() && join.absent_layers.empty() && join.surplus_layers.empty() &&
         !join.experts && join.expert_numbers.empty() && join.wrappers.empty() &&
         join.outer_prefix.empty() && join.other_class.empty() && !join.implied &&
         !join.implied_depth && join.odd_prefix.empty() && join.stand_ins.empty() &&
         join.other_layout.empty();
}

// What an adapter of PEFT, or the training of one, leaves in names.
bool hints_at_adapter(std::string_view name) {
  constexpr auto kParts = std::to_array<std::string_view>(
      {"lora_", "modules_to_save.", "base_layer.", "original_module.", "base_model."});
  return std::ranges::any_of(
      kParts, [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

// "layers.0." and the like.
bool is_of_a_stack(std::string_view name) {
  constexpr auto kStacks =
      std::to_array<std::string_view>({"layers.", "layer.", "blocks.", "block.", "resblocks."});
  return std::ranges::any_of(kStacks, [&](std::string_view stack) {
    const std::size_t at = name.find(stack);
    const std::size_t number = at + stack.size();
    return at != std::string_view::npos && (at == 0 || name[at - 1] == '.') &&
           number < name.size() && name[number] >= '0' && name[number] <= '9';
  });
}

std::string_view first_segment(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot + 1);
}

}  // namespace

Beginnings beginnings(const Expansion& expected) {
  Beginnings known;
  for (const ExpectedTensor& wanted : expected.tensors)
    known.insert(first_segment(wanted.name));
  return known;
}

std::string_view unknown_module(const Beginnings& known, std::string_view name) {
  const std::string_view start = first_segment(name);
  return known.contains(start) ? std::string_view() : start;
}

std::vector<const Tensor*> needless_tensors(const Model& model) {
  if (model.join.unexpected.empty() || !is_else_sound(model)) return {};
  const FoldedNames known = all_names(*model.expected->schema);
  const Beginnings modules = beginnings(*model.expected);
  const auto shows_a_cause = [&](const Tensor* tensor) {
    const bool is_tower =
        !unknown_module(modules, tensor->name).empty() && is_of_a_stack(tensor->name);
    return is_tower || known.contains(fold_digits(tensor->name)) || quant_part(tensor->name) ||
           hints_at_adapter(tensor->name);
  };
  // One that shows a cause is a reason to doubt the others.
  if (std::ranges::any_of(model.join.unexpected, shows_a_cause)) return {};
  return model.join.unexpected;
}

}  // namespace shardwright
