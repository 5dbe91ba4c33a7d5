#include "check/quantization_settings.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace shardwright {
namespace {

struct Choice {
  std::string_view key;
  std::array<std::string_view, 2> words;
  std::string_view wanted;
  bool any_case{};
};

constexpr auto kOfFp8 = std::to_array<Choice>({
    {"activation_scheme", {"dynamic", "static"}, "'dynamic' or 'static'", true},
    {"scale_fmt", {"float", "ue8m0"}, "'float' or 'ue8m0'"},
    {"expert_dtype", {"fp8", "fp4"}, "'fp8' or 'fp4'"},
});

bool is_one_of(const json::Value& value, const Choice& choice) {
  if (value.string() == nullptr) return false;
  const std::string text = choice.any_case ? lower(*value.string()) : *value.string();
  return std::ranges::find(choice.words, text) != choice.words.end();
}

}  // namespace

bool names_its_method(const json::Value& settings) {
  constexpr auto kFlags = std::to_array<std::string_view>({"load_in_4bit", "load_in_8bit"});
  const json::Value* method = settings.find("quant_method");
  if (method != nullptr && !method->is_null()) return true;
  return std::ranges::any_of(kFlags, [&](std::string_view flag) {
    const json::Value* value = settings.find(flag);
    return value != nullptr && !value->is_null() && !settings.says(flag, false);
  });
}

std::vector<RefusedQuantSetting> refused_quant_settings(const json::Value& settings) {
  std::vector<RefusedQuantSetting> refused;
  const json::Value* method = settings.find("quant_method");
  const bool is_fp8 = method != nullptr && method->string() != nullptr &&
                      (*method->string() == "fp8" || *method->string() == "mxfp8");
  if (!is_fp8) return refused;
  for (const Choice& choice : kOfFp8) {
    const json::Value* value = settings.find(choice.key);
    if (value != nullptr && !is_one_of(*value, choice))
      refused.push_back({choice.key, choice.wanted});
  }
  return refused;
}

}  // namespace shardwright
