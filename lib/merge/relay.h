// Inputs in one layout of their architecture: the tensors that a merge sees, each made of those
// that are stored.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "arch/layout.h"
#include "merge/assemble.h"
#include "merge/mark.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/view.h"
#include "shardwright/result.h"

namespace shardwright {

struct LayoutTask {
  std::vector<MergeInput>& inputs;
  std::vector<View>& views;  // by input
  std::size_t donor{};       // the input whose config the result gets
  std::string layout{};      // that is asked for; empty: the donor's
  Mark at{};                 // for mistakes that are of no input
};

// Fused experts beside experts apart, names with the model's prefix beside names without: views of
// the donor's architecture get the names and tensors of one layout, and inputs its expectation.
// Tensors that no layout knows keep their names. The plan gets what they are read from, and a note
// for each input; mistakes where one cannot be brought to it.
void bring_to_one_layout(const LayoutTask& task, MergePlan& plan, std::vector<Mistake>& mistakes);

// The same for one input, which has a rule, and its view.
Status bring_to_layout(MergeInput& input, View& view, std::string_view layout, MergePlan& plan);

// Gives the view, which is in the map's first layout, the names and tensors of its second. The map
// must outlive it; `sources` gets what tensors are read from. kInvalidArgument where one cannot be
// made.
Status relay(View& view, const LayoutMap& map, OwnedSources& sources);

}  // namespace shardwright
