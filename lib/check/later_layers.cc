#include "check/later_layers.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "check/join.h"
#include "check/name_numbers.h"

namespace shardwright {
namespace {

constexpr std::uint32_t kAllParts = (1U << kPredictionParts.size()) - 1;

struct LaterName {
  std::int32_t layer{};
  std::string_view rest{};  // "mlp.gate.weight"
};

std::optional<LaterName> later_name(const LaterLayers& later, std::string_view name) {
  if (later.stack.empty() || !name.starts_with(later.stack)) return std::nullopt;
  LaterName found;
  const char* begin = name.data() + later.stack.size();
  const char* end = name.data() + name.size();
  const auto [at, failed] = std::from_chars(begin, end, found.layer);
  if (failed != std::errc() || at == end || *at != '.' || found.layer < later.count)
    return std::nullopt;
  found.rest = name.substr(static_cast<std::size_t>(at - name.data()) + 1);
  return found;
}

void add_part(LaterLayers& later, std::string_view name) {
  const auto found = later_name(later, name);
  if (!found) return;
  for (std::size_t i = 0; i < kPredictionParts.size(); ++i) {
    const std::string_view part = kPredictionParts.at(i);
    if (found->rest.starts_with(part) && found->rest.substr(part.size()).starts_with('.'))
      later.parts[found->layer] |= 1U << i;
  }
}

// A rule that knows of layers that predict: it lets layers beyond the count be.
bool lets_later_layers_be(const Expansion& expected) {
  const auto is_later = [&](const ExpectedTensor& wanted) {
    return wanted.optional && wanted.layer >= 0 &&
           static_cast<std::uint64_t>(wanted.layer) >= *expected.layers;
  };
  return std::ranges::any_of(expected.tensors, is_later);
}

}  // namespace

LaterLayers later_layers(const Checkpoint& checkpoint, const Expansion& expected) {
  LaterLayers later;
  if (!expected.layers || (expected.ignored().empty() && !lets_later_layers_be(expected)))
    return later;
  later.count = static_cast<std::int64_t>(*expected.layers);
  const auto of_layer = std::ranges::find_if(
      expected.tensors, [](const ExpectedTensor& wanted) { return wanted.layer >= 0; });
  if (of_layer == expected.tensors.end()) return later;
  const std::vector<NameNumber> numbers = numbers_of(of_layer->name);
  if (numbers.empty()) return later;
  later.stack = of_layer->name.substr(0, numbers.front().begin);
  for (const Tensor& tensor : checkpoint.tensors)
    add_part(later, tensor.name);
  if (checkpoint.index) {
    for (const IndexEntry& entry : checkpoint.index->index.entries)
      add_part(later, entry.name);
  } else {
    later.unknown = !is_all_readable(checkpoint);
  }
  return later;
}

std::uint32_t prediction_parts(const LaterLayers& later, std::int32_t layer) {
  const auto found = later.parts.find(layer);
  return found != later.parts.end() ? found->second : 0;
}

bool predicts(const LaterLayers& later, std::int32_t layer) {
  return prediction_parts(later, layer) == kAllParts;
}

bool is_surplus(const LaterLayers& later, const Expansion& expected, std::string_view name) {
  const auto found = later_name(later, name);
  if (!found || later.unknown || predicts(later, found->layer)) return false;
  if (expected.find(name) != nullptr) return true;
  // What transformers passes over by the layer's number: a part of a layer that predicts may be.
  const auto names_layer = [&](const std::string& pattern) {
    return pattern.starts_with(later.stack);
  };
  return prediction_parts(later, found->layer) == 0 &&
         std::ranges::any_of(expected.ignored(), names_layer) && expected.is_ignored(name);
}

}  // namespace shardwright
