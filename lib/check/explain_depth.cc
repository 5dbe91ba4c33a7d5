#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "check/join_explain.h"
#include "check/other_config.h"

namespace shardwright {

void explain_depth(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || join.surplus_layers.empty() == join.absent_layers.empty() ||
      !join.lost.empty() || expected.layers_pointer.empty()) {
    return;
  }
  std::string key = layers_key(expected);
  const bool is_deeper = !join.surplus_layers.empty();
  const std::int64_t depth = is_deeper ? std::int64_t{join.surplus_layers.rbegin()->first} + 1
                                       : join.absent_layers.begin()->first;
  const auto stated = static_cast<std::int64_t>(expected.layers.value_or(0));
  const auto other = expand_with(expected, *config, key, json::Value{depth});
  if (depth == 0 || !other || !fits(checkpoint, *other)) return;
  join.implied_depth =
      implied_value(*config, std::move(key), json::Value{stated}, json::Value{depth});
  // Whatever else differs is of that cause, too: layers that are counted from the end, say.
  join.missing.clear();
  for (const Tensor* tensor : std::exchange(join.unexpected, {}))
    join.implied_also.push_back(tensor);
  for (const ShapeMismatch& mismatch : std::exchange(join.mismatched, {}))
    join.implied_also.push_back(mismatch.stored);
  std::ranges::move(resolved_by(*other, expected), std::back_inserter(join.resolved));
}

}  // namespace shardwright
