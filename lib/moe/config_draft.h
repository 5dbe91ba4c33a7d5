// A config on its way to another: what is changed so far, as edits and as the text that they make.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"
#include "merge/plan.h"
#include "shardwright/result.h"

namespace shardwright {

class ConfigDraft {
 public:
  explicit ConfigDraft(std::string text) : text_(std::move(text)) {}

  // `key`: dotted where it stands in a nested config. Errors as those of json/edit.h.
  Status set(std::string_view key, const json::Value& value);
  Status remove(std::string_view key);

  [[nodiscard]] Result<json::Document> parse() const { return json::parse(text_); }
  // Of what is made of the model: its weights are plain, also where the model's are quantised. What
  // says so goes from the text when the plan's config is made (plan_config.h).
  [[nodiscard]] Result<json::Document> parse_for(const MergeInput& model) const;
  [[nodiscard]] std::vector<ConfigValue> take() { return std::move(values_); }

 private:
  std::string text_;
  std::vector<ConfigValue> values_;
};

}  // namespace shardwright
