#include "arch/query.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "arch/catalogue.h"

namespace shardwright {

using Keys = std::vector<std::string>;

TEST_CASE("arch: the keys that a name of a rule stands for") {
  const Catalogue catalogue = Catalogue::builtin();
  const Schema& mixtral = *catalogue.find("mixtral");
  CHECK(keys_of(mixtral, "experts") == Keys{"num_experts", "num_local_experts"});
  CHECK(keys_of(mixtral, "no_such_name").empty());
  CHECK(keys_of(mixtral, "layer").empty());  // a letter
  const Schema& next = *catalogue.find("qwen3_next");
  CHECK(keys_of(next, "softmax_over_all").empty());  // computed
  // A list's elements have the key of the list, once.
  CHECK(keys_of(*catalogue.find("hunyuan_v1_moe"), "top") ==
        Keys{"num_experts_per_tok", "moe_topk"});
}

TEST_CASE("arch: keys that say the same as another") {
  const Catalogue catalogue = Catalogue::builtin();
  const Schema& rule = *catalogue.find("deepseek_v3");
  CHECK(spellings_of(rule, "n_routed_experts") == Keys{"num_local_experts", "n_routed_experts"});
  CHECK(spellings_of(rule, "hidden_size") == Keys{"hidden_size"});
  CHECK(spellings_of(rule, "unknown") == Keys{"unknown"});
}

}  // namespace shardwright
