// The settings of generation_config.json, and what transformers asks of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "shardwright/finding.h"

namespace shardwright {

class GenerationSettings {
 public:
  explicit GenerationSettings(const json::Value& root) : root_(root) {}

  [[nodiscard]] const json::Value* find(std::string_view key) const {
    const json::Value* value = root_.find(key);
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  [[nodiscard]] std::optional<double> number(std::string_view key) const {
    const json::Value* value = find(key);
    return value != nullptr ? value->number() : std::nullopt;
  }
  [[nodiscard]] bool is_true(std::string_view key) const { return root_.says(key, true); }

 private:
  const json::Value& root_;
};

struct RefusedSetting {
  std::string_view key;
  std::string what{};  // that it has to be
  Severity
      severity{};  // an error where the model does not load, a warning where it cannot generate
};

// What transformers 5.23 stops at when it reads the file (GenerationConfig.validate()), or when it
// generates as the file says. Ids of tokens without a row are TK502's.
std::vector<RefusedSetting> refused_settings(const GenerationSettings& settings);

}  // namespace shardwright
