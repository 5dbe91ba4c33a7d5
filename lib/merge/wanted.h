// Which tensors of the inputs each tensor of the result is made of, by names and layers alone.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "merge/parts.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/view.h"

namespace shardwright {

// A tensor of a source, for a tensor of the result.
struct Candidate {
  std::size_t source{};  // position in the slice
  const ViewTensor* tensor{};
};

// A tensor of the result, before anything is known of it but where it comes from.
struct Wanted {
  std::string name{};
  const Slice* slice{};
  std::vector<Candidate> candidates{};  // at least one; of each source of the slice one or none
  double place{};                       // in the slice: 0 for the first layer, 1 for the last
};

struct WantedTask {
  const Recipe& recipe;
  std::span<const MergeInput> inputs;
  std::span<const View> views;  // by input
  std::span<const Part> parts;
  std::size_t donor{};  // the input whose config the result gets
};

// Every tensor that the recipe asks for, part by part. A tied model's embedding stands for the head
// that others store, or that an untied result needs; a note says so. What the task refers to must
// outlive the result.
std::vector<Wanted> wanted_tensors(const WantedTask& task, std::vector<std::string>& notes);

}  // namespace shardwright
