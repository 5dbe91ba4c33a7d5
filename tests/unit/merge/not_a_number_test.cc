// What every method makes of a NaN.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <doctest/doctest.h>

#include "support/merge_run.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {

TEST_CASE("merge: a NaN of an input stays where it is, or spreads over what it was measured in") {
  constexpr std::size_t kPlace = 70;
  for (const Method* method : method_table()) {
    CAPTURE(method->name);
    MergeSetup setup{.method = method->name};
    const std::size_t number = method->most_inputs == 1 && method->base == BaseRule::kNone ? 1 : 3;
    setup.inputs = random_models(method->base == BaseRule::kInput || method->most_inputs == 1
                                     ? std::min<std::size_t>(number, 2)
                                     : number,
                                 200, 16);
    if (method->base != BaseRule::kNone) setup.base = 0;
    for (std::size_t i = 0; i < setup.inputs.size(); ++i) {
      auto& row = setup.values.emplace_back();
      const bool weighed = std::ranges::any_of(method->parameters, [](const ParameterRow& p) {
        return p.scope == ParameterScope::kInput;
      });
      if (i != setup.base && weighed) row = {0.5};
    }
    for (const ParameterRow& row : method->parameters) {
      if (row.scope == ParameterScope::kGlobal) setup.globals.push_back(row.preset.value_or(0.5));
    }
    setup.inputs.back()[kPlace] = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(run_merge(setup)[kPlace]));
  }
}

}  // namespace shardwright::test
