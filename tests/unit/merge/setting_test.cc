#include <doctest/doctest.h>

#include "merge/recipe.h"

namespace shardwright {

TEST_CASE("setting: the first condition that fits counts, and a gradient is interpolated") {
  const Parameter p{
      "t", {{"self_attn", {0, 1}, {}}, {"mlp", {1, 0, 0.5}, {}}, {"*", {0.25}, {}}}, {}};
  CHECK(evaluate(p, "model.layers.0.self_attn.q_proj.weight", 0.25) == 0.25);
  CHECK(evaluate(p, "model.layers.0.mlp.up_proj.weight", 0) == 1.0);
  CHECK(evaluate(p, "model.layers.0.mlp.up_proj.weight", 0.25) == 0.5);
  CHECK(evaluate(p, "model.layers.0.mlp.up_proj.weight", 0.5) == 0.0);
  CHECK(evaluate(p, "model.layers.0.mlp.up_proj.weight", 1) == 0.5);
  CHECK(evaluate(p, "lm_head.weight", 1) == 0.25);
}

TEST_CASE("setting: where no condition fits there is no value") {
  CHECK(!evaluate({"t", {{"mlp", {1}, {}}}, {}}, "lm_head.weight", 0));
  CHECK(evaluate({"t", {{"", {1}, {}}}, {}}, "lm_head.weight", 0) == 1.0);
}

}  // namespace shardwright
