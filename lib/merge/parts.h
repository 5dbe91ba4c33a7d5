// What a recipe asks for, in the light of its inputs: which layers of which inputs the layers of
// the result are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/mark.h"
#include "merge/method.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/view.h"

namespace shardwright {

// An input of a slice, and which of its layers.
struct SliceSource {
  std::size_t input{};
  std::uint64_t begin{}, end{};  // of a slice that is not whole
  const Parameters* parameters{};
  Mark at{};
};

struct Slice {
  std::vector<SliceSource> sources{};
  std::optional<std::size_t> base{};  // position in `sources`
  const Parameters* parameters{};
  const Parameters* of_module{};
  bool whole{};  // of all layers there are: names stay as they are
  Mark at{};
};

// All of a model, or a module of it. One slice that is whole, or slices in order.
struct Part {
  std::optional<std::size_t> module{};  // position in the recipe's modules; none: all of the model
  std::vector<Slice> slices{};
  // By input: the stack that `layer_range` counts; empty where the input is no source of a slice.
  std::vector<std::string_view> stacks{};
};

// The parts of the result, or the mistakes that the inputs bring to light. A base that `models`
// leaves out is added to each part as the last source, without parameters.
std::vector<Part> parts_of(const Recipe& recipe, const Method& method,
                           std::span<const MergeInput> inputs, std::span<const View> views,
                           std::vector<Mistake>& mistakes);

// Whether a tensor of an input belongs to the part.
bool is_of(const Part& part, const Recipe& recipe, std::string_view tensor);

// Whether the method subtracts the base, which is then no input that is merged.
bool is_base_apart(const Method& method);

// Position among the inputs; they hold every model that the recipe names.
std::size_t input_of(std::span<const MergeInput> inputs, const ModelRef& model);

}  // namespace shardwright
