#include "merge/view.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "merge/adapt.h"
#include "merge/dequantize.h"

namespace shardwright {
namespace {

struct LayerNumber {
  std::string_view stack{};
  std::uint64_t layer{};
};

// The first component of the name that is a number, or, where the rule says which layer it is, the
// first that is that number.
LayerNumber layer_of(std::string_view name, const ExpectedTensor* expected) {
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const auto number = parse_u64(name.substr(begin, end - begin));
    const bool fits = expected == nullptr || expected->layer < 0 ||
                      number == static_cast<std::uint64_t>(expected->layer);
    if (number && fits) return {name.substr(0, begin), *number};
    begin = end + 1;
  }
  return {};
}

// Heads that are stored nowhere, and that an adapter gave weights of their own.
void add_untied(const MergeInput& input, View& view) {
  for (const Adapted& adapted : input.adaptation->tensors) {
    if (view.tensors.contains(adapted.name)) continue;
    ViewTensor seen{.tensor = adapted.tensor,
                    .stored = adapted.stored,
                    .adapted = true,
                    .read_bytes = adapted.read_bytes};
    add_to_view(view, seen,
                input.expected == nullptr ? nullptr : input.expected->find(adapted.name));
  }
}

}  // namespace

View view_of(const MergeInput& input) {
  View view;
  for (const Tensor& tensor : input.checkpoint->tensors) {
    if (std::ranges::find(input.redundant, tensor.name) != input.redundant.end()) continue;
    if (input.dequantized != nullptr && input.dequantized->is_scale(tensor.name)) continue;
    const ExpectedTensor* expected =
        input.expected == nullptr ? nullptr : input.expected->find(tensor.name);
    if (expected == nullptr && input.expected != nullptr &&
        input.expected->is_ignored(tensor.name)) {
      continue;
    }
    ViewTensor seen{.tensor = tensor,
                    .stored = tensor.dtype,
                    .read_bytes = static_cast<std::uint64_t>(static_cast<double>(tensor.bytes) *
                                                             input.reads_per_byte)};
    if (const Dequantized* found =
            input.dequantized != nullptr ? input.dequantized->find(tensor.name) : nullptr) {
      seen.tensor = found->tensor;
      seen.stored = input.dequantized->plain;
      seen.adapted = true;
      seen.read_bytes = found->read_bytes;
    }
    if (const Adapted* found =
            input.adaptation != nullptr ? input.adaptation->find(tensor.name) : nullptr) {
      seen.tensor = found->tensor;
      seen.adapted = true;
      seen.read_bytes = found->read_bytes;
    }
    add_to_view(view, seen, expected);
  }
  if (input.adaptation != nullptr) add_untied(input, view);
  finish_view(view);
  return view;
}

void add_to_view(View& view, ViewTensor tensor, const ExpectedTensor* expected) {
  tensor.known = expected != nullptr;
  tensor.role = expected == nullptr ? Role::kNone : expected->role;
  tensor.optional = expected != nullptr && expected->optional;
  const LayerNumber number = layer_of(tensor.tensor.name, expected);
  tensor.stack = number.stack;
  tensor.layer = number.layer;
  if (!number.stack.empty()) {
    std::uint64_t& depth = view.depths[number.stack];
    depth = std::max(depth, number.layer + 1);
    if (expected != nullptr && expected->layer >= 0) view.of_rule.insert(number.stack);
  }
  const std::string_view name = tensor.tensor.name;
  view.tensors[name] = std::move(tensor);
}

void finish_view(View& view) {
  if (view.of_rule.size() == 1) view.stack = *view.of_rule.begin();
  if (view.of_rule.empty() && view.depths.size() == 1) view.stack = view.depths.begin()->first;
}

std::string with_layer(std::string_view name, const ViewTensor& tensor, std::uint64_t layer) {
  const std::string_view rest = name.substr(tensor.stack.size());
  return fmt::format("{}{}{}", tensor.stack, layer,
                     rest.substr(std::min(rest.find('.'), rest.size())));
}

}  // namespace shardwright
