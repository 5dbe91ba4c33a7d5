#include "tokenizer/fields.h"

#include <utility>

#include <fmt/format.h>

namespace shardwright {
namespace {

Error wrong_field(std::string_view key, std::string_view wanted, const json::Value* found) {
  return {ErrorCode::kMalformed,
          fmt::format("'{}' is {}, not {}", key, found == nullptr ? "absent" : found->kind_name(),
                      wanted)};
}

}  // namespace

Result<std::string> part_type(const json::Value& value) {
  const json::Value* type = value.find("type");
  if (type == nullptr || type->string() == nullptr)
    return Error{ErrorCode::kMalformed, "a part of the tokenizer has no 'type'"};
  return *type->string();
}

Result<bool> bool_field(const json::Value& part, std::string_view key, std::optional<bool> absent) {
  const json::Value* value = part.find(key);
  if (value == nullptr && absent) return *absent;
  if (value == nullptr || value->boolean() == nullptr)
    return wrong_field(key, "true or false", value);
  return *value->boolean();
}

Result<std::string> text_field(const json::Value& part, std::string_view key,
                               std::optional<std::string> absent) {
  const json::Value* value = part.find(key);
  if (value == nullptr && absent) return *std::move(absent);
  if (value == nullptr || value->string() == nullptr) return wrong_field(key, "a text", value);
  return *value->string();
}

Result<std::optional<bool>> optional_bool(const json::Value& part, std::string_view key) {
  const json::Value* value = part.find(key);
  if (value == nullptr || value->is_null()) return std::optional<bool>();
  if (value->boolean() == nullptr) return wrong_field(key, "true, false or null", value);
  return std::optional(*value->boolean());
}

Result<std::optional<std::string>> optional_text(const json::Value& part, std::string_view key) {
  const json::Value* value = part.find(key);
  if (value == nullptr || value->is_null()) return std::optional<std::string>();
  if (value->string() == nullptr) return wrong_field(key, "a text or null", value);
  return std::optional(*value->string());
}

}  // namespace shardwright
