#include "support/json_schema.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <regex>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace shardwright::test {
namespace {

using json::Value;

class Validator {
 public:
  explicit Validator(const Value& root) : root_(root) {}

  // NOLINTNEXTLINE(misc-no-recursion)
  [[nodiscard]] std::string mismatch(const Value& schema, const Value& value,
                                     const std::string& at) const {
    for (const json::Member& rule : *schema.object()) {
      std::string wrong = keyword(schema, rule, value, at);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  static bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  }

  static bool has_type(const Value& value, std::string_view type) {
    return (type == "object" && value.object() != nullptr) ||
           (type == "array" && value.array() != nullptr) ||
           (type == "string" && value.string() != nullptr) ||
           (type == "boolean" && value.boolean() != nullptr);
  }

  static bool has_types(const Value& value, const Value& types) {
    if (const auto* type = types.string()) return has_type(value, *type);
    return std::ranges::any_of(*types.array(),
                               [&](const Value& type) { return has_type(value, *type.string()); });
  }

  static bool has_keys(const Value& value, const Value& keys) {
    return std::ranges::all_of(
        *keys.array(), [&](const Value& key) { return value.find(*key.string()) != nullptr; });
  }

  static std::size_t size(const Value& value) {
    if (const auto* object = value.object()) return object->size();
    const auto* array = value.array();
    return array == nullptr ? 0 : array->size();
  }

  // The keywords that look at one value and not into it.
  static bool holds(const json::Member& rule, const Value& value) {
    const auto& [key, wanted] = rule;
    const auto* text = value.string();
    if (key == "type") return has_types(value, wanted);
    if (key == "enum") {
      return text != nullptr && std::ranges::any_of(*wanted.array(), [&](const Value& each) {
               return *each.string() == *text;
             });
    }
    if (key == "pattern") {
      return text == nullptr || std::regex_search(*text, std::regex(*wanted.string()));
    }
    if (key == "required") return value.object() == nullptr || has_keys(value, wanted);
    if (key == "dependentRequired") {
      return std::ranges::all_of(*wanted.object(), [&](const json::Member& member) {
        return value.find(member.key) == nullptr || has_keys(value, member.value);
      });
    }
    const auto bound = static_cast<std::size_t>(*wanted.integer());
    if (key == "minItems") return value.array() == nullptr || size(value) >= bound;
    if (key == "maxItems") return value.array() == nullptr || size(value) <= bound;
    return value.object() == nullptr || size(value) >= bound;  // minProperties
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  [[nodiscard]] std::string keyword(const Value& schema, const json::Member& rule,
                                    const Value& value, const std::string& at) const {
    const auto& [key, wanted] = rule;
    // `then`, `else` and `properties` are read with their partners.
    if (one_of(key, {"$schema", "$defs", "title", "description", "then", "else", "properties"})) {
      if (key == "properties") return members(schema, value, at);
      return {};
    }
    if (key == "$ref") {
      const Value* target = root_.find("$defs");
      target = target->find(wanted.string()->substr(std::string_view("#/$defs/").size()));
      if (target == nullptr) return fmt::format("no definition {}", *wanted.string());
      return mismatch(*target, value, at);
    }
    if (key == "if") {
      const Value* branch = schema.find(mismatch(wanted, value, at).empty() ? "then" : "else");
      return branch == nullptr ? std::string() : mismatch(*branch, value, at);
    }
    if (key == "not") {
      return mismatch(wanted, value, at).empty() ? fmt::format("{}: not", at) : std::string();
    }
    if (key == "items") return items(wanted, value, at);
    if (key == "propertyNames") return names(wanted, value, at);
    if (key == "additionalProperties") return others(schema, wanted, value, at);
    if (!one_of(key, {"type", "enum", "pattern", "required", "dependentRequired", "minItems",
                      "maxItems", "minProperties"})) {
      return fmt::format("keyword {} is not known", key);
    }
    return holds(rule, value) ? std::string() : fmt::format("{}: {}", at, key);
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  [[nodiscard]] std::string items(const Value& wanted, const Value& value,
                                  const std::string& at) const {
    for (std::size_t i = 0; value.array() != nullptr && i < value.array()->size(); ++i) {
      std::string wrong = mismatch(wanted, (*value.array())[i], fmt::format("{}/{}", at, i));
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  // Calls visit(member, place) until it says what is wrong.
  template <typename Visit>
  static std::string each_member(const Value& value, const std::string& at, const Visit& visit) {
    if (value.object() == nullptr) return {};
    for (const json::Member& member : *value.object()) {
      const std::string place = fmt::format("{}/{}", at, json::pointer_step(member.key));
      std::string wrong = visit(member, place);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  [[nodiscard]] std::string names(const Value& wanted, const Value& value,
                                  const std::string& at) const {
    return each_member(value, at, [&](const json::Member& member, const std::string& place) {
      return mismatch(wanted, Value{.data = member.key}, place);
    });
  }

  [[nodiscard]] std::string members(const Value& schema, const Value& value,
                                    const std::string& at) const {
    return each_member(value, at, [&](const json::Member& member, const std::string& place) {
      const Value* known = schema.find("properties")->find(member.key);
      return known == nullptr ? std::string() : mismatch(*known, member.value, place);
    });
  }

  [[nodiscard]] std::string others(const Value& schema, const Value& wanted, const Value& value,
                                   const std::string& at) const {
    const Value* known = schema.find("properties");
    return each_member(value, at, [&](const json::Member& member, const std::string& place) {
      if (known != nullptr && known->find(member.key) != nullptr) return std::string();
      if (wanted.boolean() != nullptr) return fmt::format("{}: an unknown key", place);
      return mismatch(wanted, member.value, place);
    });
  }

  const Value& root_;
};

}  // namespace

std::string schema_mismatch(const json::Value& schema, const json::Value& value) {
  return Validator(schema).mismatch(schema, value, "");
}

}  // namespace shardwright::test
