#include "check/across.h"

#include "base/utf8.h"

namespace shardwright {
std::string label_of(const Model& model) {
  return quoted(model.checkpoint.path);
}

const json::Value* setting(const Model& model, std::string_view key) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr) return nullptr;
  const json::Value* value = config->find(key);
  if (value == nullptr || value->is_null()) {
    const json::Value* text = config->find("text_config");
    value = text == nullptr ? nullptr : text->find(key);
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string setting_text(const json::Value* value) {
  return value == nullptr ? "none" : printable(json::dump(*value));
}

}  // namespace shardwright
