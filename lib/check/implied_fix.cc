#include "check/implied_fix.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {

std::string stated_text(const ImpliedValue& implied) {
  return implied.is_absent
             ? fmt::format("{} is not in the config, which means {}", quoted(implied.key),
                           implied.stated)
             : fmt::format("{} is {} in the config", quoted(implied.key), implied.stated);
}

Fix implied_fix(const Model& model, const ImpliedValue& implied, std::string_view why) {
  return unsafe_fix(
      fmt::format("set {} to {}, {}", quoted(implied.pointer), implied.implied, why),
      {edit::SetJson{model.checkpoint.config->name, implied.pointer, implied.implied}});
}

std::optional<Fix> depth_fix(const Model& model, std::vector<std::string>& places) {
  const auto& depth = model.join.implied_depth;
  if (!depth) return std::nullopt;
  for (const Tensor* tensor : model.join.implied_also)
    places.emplace_back(tensor->name);
  return implied_fix(model, *depth, kFitsAll);
}

}  // namespace shardwright
