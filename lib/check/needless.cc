#include "check/needless.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "arch/name_fit.h"
#include "base/text.h"
#include "check/coverage.h"
#include "check/join_explain.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

bool is_wrapped(const Join& join) {
  return !join.wrappers.empty() || !join.outer_prefix.empty();
}

// Nothing in the model but what the rule expects, and what the rule does not know.
bool is_else_sound(const Model& model) {
  const Join& join = model.join;
  return join.compared && coverage(model).complete && !lacks_tensors(join) &&
         join.mismatched.empty() && join.absent_layers.empty() && join.surplus_layers.empty() &&
         !join.experts && join.expert_numbers.empty() &&
         (!is_wrapped(join) || join.wrappers_names_alone) && join.other_class.empty() &&
         !join.implied && !join.implied_depth && !join.implied_model_type &&
         join.odd_prefix.empty() && join.stand_ins.empty() && join.other_layout.empty() &&
         join.other_division.empty();
}

// What an adapter of PEFT, or the training of one, leaves in names.
bool hints_at_adapter(std::string_view name) {
  constexpr auto kParts = std::to_array<std::string_view>(
      {"lora_", "modules_to_save.", "base_layer.", "original_module.", "base_model."});
  return is_adapter_name(name) || std::ranges::any_of(kParts, [&](std::string_view part) {
           return name.find(part) != std::string_view::npos;
         });
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

// Whether layers and all beside them stand in modules of their own ("model."), so that what begins
// otherwise is none of what the layers compute: not so where the names begin with the layers.
bool has_a_trunk(const Expansion& expected) {
  return std::ranges::none_of(expected.tensors, [](const ExpectedTensor& wanted) {
    const std::size_t dot = wanted.name.find('.');
    return wanted.layer >= 0 && dot + 1 < wanted.name.size() && wanted.name[dot + 1] >= '0' &&
           wanted.name[dot + 1] <= '9';
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
  if (model.join.unexpected.empty() || !is_else_sound(model) || !has_a_trunk(*model.expected))
    return {};
  const FoldedNames known = all_names(*model.expected->schema);
  const Beginnings modules = beginnings(*model.expected);
  const auto shows_a_cause = [&](const Tensor* tensor) {
    // A norm or a bias inside of the model was trained with it, and changes what it computes.
    const bool is_inside = unknown_module(modules, tensor->name).empty();
    return is_inside || is_of_a_stack(tensor->name) || known.contains(fold_digits(tensor->name)) ||
           quant_part(tensor->name) || hints_at_adapter(tensor->name);
  };
  // One that shows a cause is a reason to doubt the others.
  if (std::ranges::any_of(model.join.unexpected, shows_a_cause)) return {};
  return model.join.unexpected;
}

}  // namespace shardwright
