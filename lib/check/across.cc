#include "check/across.h"

#include <optional>

#include "base/utf8.h"

namespace shardwright {
namespace {

std::optional<double> number_of(const json::Value& value) {
  if (const auto* whole = value.integer()) return static_cast<double>(*whole);
  const auto* real = value.real();
  return real == nullptr ? std::nullopt : std::optional(*real);
}

}  // namespace

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

bool same_setting(const json::Value& a, const json::Value& b) {
  const auto left_number = number_of(a);
  if (left_number) return left_number == number_of(b);
  const auto* left = a.object();
  const auto* right = b.object();
  if (left == nullptr || right == nullptr) return json::dump(a) == json::dump(b);
  if (left->size() != right->size()) return false;
  for (const json::Member& member : *left) {
    const json::Value* other = b.find(member.key);
    if (other == nullptr || !same_setting(member.value, *other)) return false;
  }
  return true;
}

}  // namespace shardwright
