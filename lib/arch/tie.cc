#include "arch/tie.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

std::string pointer_to(std::string_view dotted) {
  std::string pointer;
  for (const std::string_view step : split(dotted, '.'))
    pointer += fmt::format("/{}", json::pointer_step(step));
  return pointer;
}

// Of "tie_embedding | tie_word_embeddings" the first that the config has, else the last.
std::string_view spelling(const json::Value& config, std::string_view key) {
  std::string_view chosen;
  for (const std::string_view part : split(key, '|')) {
    chosen = trim(part);
    if (config.find_path(chosen) != nullptr) break;
  }
  return chosen;
}

// Whether a config inside this one has the flag with the other value, and is not among those asked.
bool disagrees(const json::Value& config, const std::string& path, const TiedRule& rule,
               bool tied) {
  constexpr std::string_view kFlag = "tie_word_embeddings";
  if (config.object() == nullptr) return false;
  return std::ranges::any_of(*config.object(), [&](const json::Member& member) {
    if (member.value.object() == nullptr) return false;
    const std::string inner = fmt::format("{}{}.", path, member.key);
    const bool asked =
        std::ranges::find(rule.keys, fmt::format("{}{}", inner, kFlag)) != rule.keys.end();
    if (member.value.says(kFlag, !tied) && !asked) return true;
    return disagrees(member.value, inner, rule, tied);
  });
}

}  // namespace

TieFlag read_tie(const TiedRule& rule, ConfigValues& values) {
  const json::Value& config = values.config();
  TieFlag flag{.pointer = pointer_to(spelling(config, rule.keys.front()))};
  for (std::size_t i = 0; i < rule.keys.size(); ++i) {
    const std::string_view key = spelling(config, rule.keys[i]);
    const json::Value* value = config.find_path(key);
    bool here = i == 0 && rule.fallback;
    if (value != nullptr) {
      const bool* stated = value->boolean();
      here = stated != nullptr && *stated;
      if (stated == nullptr) {
        values.add_problem(
            ConfigProblem::Kind::kWrongType, pointer_to(key),
            fmt::format("{} is {}, expected true or false", quoted(key), value->kind_name()));
      }
    }
    if ((value != nullptr && !flag.stated) || (here && !flag.tied)) {
      flag.stated = value != nullptr;
      flag.pointer = pointer_to(key);
    }
    flag.tied = flag.tied || here;
  }
  flag.nested_disagrees = disagrees(config, "", rule, flag.tied);
  return flag;
}

}  // namespace shardwright
