#include "moe/config_draft.h"

#include "base/text.h"
#include "base/try.h"
#include "json/edit.h"

namespace shardwright {
namespace {

std::string pointer_to(std::string_view key) {
  std::string pointer;
  for (const std::string_view step : split(key, '.'))
    pointer += '/' + json::pointer_step(step);
  return pointer;
}

}  // namespace

Status ConfigDraft::set(std::string_view key, const json::Value& value) {
  const std::string pointer = pointer_to(key);
  const std::string text = json::dump(value);
  SW_TRY(text_, json::set_value(text_, pointer, text));
  values_.push_back({pointer, text});
  return ok();
}

Status ConfigDraft::remove(std::string_view key) {
  const std::string pointer = pointer_to(key);
  SW_TRY(text_, json::remove_value(text_, pointer));
  values_.push_back({pointer, {}});
  return ok();
}

Result<json::Document> ConfigDraft::parse_for(const MergeInput& model) const {
  constexpr std::string_view kKey = "quantization_config";
  const bool stands =
      model.dequantized != nullptr && model.checkpoint->config_value()->find(kKey) != nullptr;
  if (!stands) return parse();
  SW_TRY(const std::string plain, json::remove_value(text_, pointer_to(kKey)));
  return json::parse(plain);
}

}  // namespace shardwright
