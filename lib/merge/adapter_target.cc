#include "merge/adapter_target.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "merge/dequantize.h"

namespace shardwright {
namespace {

Target whole_target(std::string_view name, const Tensor& tensor) {
  return {
      .shape = Shape(tensor.shape.begin(), tensor.shape.end()),
      .parts = {
          {.name = name, .tensor = &tensor, .length = element_count(tensor.shape).value_or(0)}}};
}

}  // namespace

bool Target::is_whole() const {
  return parts.size() == 1 && parts[0].begin == 0 && parts[0].stored_begin == 0 &&
         same_shape(shape, parts[0].tensor->shape);
}

std::optional<Target> TargetFinder::find(const std::string& parameter) {
  std::vector<std::string> names = {parameter};
  if (input_.expected != nullptr && !input_.expected->base_prefix.empty()) {
    const std::string& prefix = input_.expected->base_prefix;
    names.push_back(parameter.starts_with(prefix) ? parameter.substr(prefix.size())
                                                  : prefix + parameter);
  }
  for (const std::string& name : names) {
    if (auto target = stored(name)) return target;
    if (auto target = tied(name)) return target;
  }
  map_all();
  for (const std::string& name : names) {
    for (const LayoutMap& map : maps_) {
      if (auto target = in_layout(map, name)) return target;
    }
  }
  return std::nullopt;
}

std::optional<Target> TargetFinder::stored(std::string_view parameter) const {
  const Tensor* tensor = find_tensor(input_, parameter);
  if (tensor == nullptr) return std::nullopt;
  return whole_target(tensor->name, *tensor);
}

std::optional<Target> TargetFinder::tied(std::string_view parameter) const {
  if (input_.expected == nullptr || !input_.expected->tie.tied) return std::nullopt;
  const auto tie = std::ranges::find(input_.expected->ties, parameter, &ExpectedTie::target);
  if (tie == input_.expected->ties.end()) return std::nullopt;
  const Tensor* source = find_tensor(input_, tie->source);
  if (source == nullptr) return std::nullopt;
  return whole_target(tie->target, *source);
}

std::optional<Target> TargetFinder::in_layout(const LayoutMap& map,
                                              std::string_view parameter) const {
  const auto found = std::ranges::find(map.tensors, parameter, &MappedTensor::name);
  if (found == map.tensors.end() || found->parts.empty()) return std::nullopt;
  Target target{.shape = Shape(found->shape.begin(), found->shape.end())};
  for (const LayoutPart& part : found->parts) {
    const Tensor* tensor = find_tensor(input_, part.source);
    if (tensor == nullptr || part.transposed || part.rows != 1) return std::nullopt;
    const auto elements = element_count(tensor->shape);
    if (!elements || part.source_begin > *elements || part.length > *elements - part.source_begin)
      return std::nullopt;
    target.parts.push_back({.name = tensor->name,
                            .tensor = tensor,
                            .begin = part.target_begin,
                            .stored_begin = part.source_begin,
                            .length = part.length});
  }
  return target;
}

std::size_t TargetFinder::order(std::string_view parameter) {
  map_all();
  std::size_t order = SIZE_MAX;
  for (const LayoutMap& map : maps_) {
    const auto found = std::ranges::find(map.tensors, parameter, &MappedTensor::name);
    const auto at = static_cast<std::size_t>(found - map.tensors.begin());
    if (found != map.tensors.end()) order = std::min(order, at);
  }
  if (order != SIZE_MAX || input_.expected == nullptr) return order;
  const auto& known = input_.expected->tensors;
  const auto found = std::ranges::find(known, parameter, &ExpectedTensor::name);
  return found == known.end() ? order : static_cast<std::size_t>(found - known.begin());
}

void TargetFinder::map_all() {
  if (std::exchange(mapped_, true)) return;
  const Expansion* expected = input_.expected;
  const json::Value* config = input_.checkpoint->config_value();
  if (expected == nullptr || expected->schema == nullptr || config == nullptr) return;
  std::vector<std::string> layouts = {"hub"};
  for (const SchemaLayout& layout : expected->schema->layouts)
    layouts.push_back(layout.name);
  for (const std::string& layout : layouts) {
    if (layout == expected->layout) continue;
    auto map =
        map_layouts(*expected->schema, *config, expected->class_name, expected->layout, layout);
    if (map) maps_.push_back(*std::move(map));
  }
}

}  // namespace shardwright
