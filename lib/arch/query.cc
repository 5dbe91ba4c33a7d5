#include "arch/query.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "arch/config_values.h"
#include "arch/expr.h"
#include "arch/schema_body.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

json::Value json_of(const ExprValue& value) {
  switch (value.kind) {
    case ExprKind::kBool:
      return json::Value{value.boolean};
    case ExprKind::kInt:
      return json::Value{value.integer};
    case ExprKind::kText:
      return json::Value{std::string(value.text)};
    case ExprKind::kList: {
      json::Value::Array list;
      for (const ExprValue& element : value.list)
        list.push_back(json_of(element));
      return json::Value{std::move(list)};
    }
    default:
      return json::Value{};
  }
}

// Lists and objects of a config are no values here: rules have definitions for those.
ExprValue value_of(const json::Value& value) {
  if (value.is_null()) return ExprValue::null();
  if (const bool* flag = value.boolean()) return ExprValue::of(*flag);
  if (const auto number = value.whole_number()) return ExprValue::of(*number);
  if (const std::string* text = value.string()) return ExprValue::of(std::string_view(*text));
  return {.kind = ExprKind::kOther};
}

std::vector<std::string> keys_of(const Definition& definition) {
  std::vector<std::string> keys;
  for (const ConfigKey& key : definition.keys) {
    std::string of_list = key.source.substr(0, key.source.find(".{"));
    if (std::ranges::find(keys, of_list) == keys.end()) keys.push_back(std::move(of_list));
  }
  return keys;
}

constexpr std::size_t kMostKeys = 4096;  // of a config, that expressions can see

}  // namespace

struct ConfigQuery::State {
  State(const Schema& schema, const json::Value& config, std::string_view class_name)
      : body(*schema.body), values(*schema.body, config, class_name) {}

  void add(const std::string& name, const ExprValue& value, bool hides) {
    if (is_reserved_word(name)) return;
    const auto known = std::ranges::find(names, name);
    if (known != names.end() && !hides) return;
    if (known != names.end()) known->clear();
    names.push_back(name);
    labels.push_back(name);
    slots.push_back(value);
  }

  const SchemaBody& body;
  ConfigValues values;
  // A number that the config writes with a point, where the name is no definition's.
  [[nodiscard]] const json::Value* fraction(std::string_view name) const {
    if (std::ranges::find(body.names, name) != body.names.end()) return nullptr;
    for (const json::Value* object : objects) {
      const json::Value* value = object->find(name);
      if (value != nullptr) return value->real() == nullptr ? nullptr : value;
    }
    return nullptr;
  }

  std::vector<const json::Value*> objects;  // where keys are looked up, the first that has one
  std::vector<std::string> names;
  std::vector<std::string> labels;
  std::vector<ExprValue> slots;
};

ConfigQuery::ConfigQuery(const Schema& schema, const json::Value& config,
                         std::string_view class_name, std::span<const QueryName> more) {
  std::string_view of_class = class_name;
  if (of_class.empty()) {
    const json::Value* named = config.find("architectures");
    const auto* list = named == nullptr ? nullptr : named->array();
    if (list != nullptr && !list->empty() && list->front().string() != nullptr)
      of_class = *list->front().string();
  }
  state_ = std::make_unique<State>(schema, config, of_class);
  State& state = *state_;
  state.names = state.body.names;
  state.labels.assign(state.values.labels().begin(), state.values.labels().end());
  state.slots.assign(state.values.slots().begin(), state.values.slots().end());
  for (const auto& [name, number] : more)
    state.add(name, ExprValue::of(number), true);
  const json::Value* rope = config.find("rope_parameters");
  const json::Value* scaling = config.find("rope_scaling");
  for (const json::Value* object : {&config, rope, scaling, &schema.defaults}) {
    // Who says anything of rotary positions means the plain ones where no type is named.
    const bool is_stated = state.objects.size() > 1;
    if (object == &schema.defaults && is_stated)
      state.add("rope_type", ExprValue::of(std::string_view("default")), false);
    const auto* members = object == nullptr ? nullptr : object->object();
    if (members == nullptr || members->size() > kMostKeys) continue;
    state.objects.push_back(object);
    for (const json::Member& member : *members) {
      const bool is_type = object == scaling && member.key == "type";
      state.add(is_type ? "rope_type" : member.key, value_of(member.value), false);
    }
  }
  state.add("rope_type", ExprValue::of(std::string_view("default")), false);
}

ConfigQuery::~ConfigQuery() = default;

Result<json::Value> ConfigQuery::value(std::string_view expression) const {
  if (const json::Value* fraction = state_->fraction(trim(expression))) return *fraction;
  SW_TRY(const Expr expr, compile_expr(expression, state_->names));
  ExprEvaluator evaluator(state_->slots, state_->labels);
  ExprValue out;
  if (!evaluator.evaluate(expr, out)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: {}", quoted(expression), evaluator.error().message)};
  }
  return json_of(out);
}

std::optional<json::Value> ConfigQuery::of_key(std::string_view key) const {
  const SchemaBody& body = state_->body;
  for (std::size_t slot = 0; slot < body.definitions.size(); ++slot) {
    const Definition& definition = body.definitions[slot];
    const bool reads = std::ranges::any_of(
        definition.keys, [key](const ConfigKey& one) { return one.source == key; });
    if (!reads) continue;
    const ExprValue& value = state_->slots[slot];
    if (value.kind == ExprKind::kUnknown || value.kind == ExprKind::kOther) return std::nullopt;
    return json_of(value);
  }
  return std::nullopt;
}

std::vector<std::string> keys_of(const Schema& schema, std::string_view name) {
  const auto slot = schema.body->slot(name);
  if (!slot || *slot >= schema.body->definitions.size()) return {};
  return keys_of(schema.body->definitions[*slot]);
}

std::vector<std::string> spellings_of(const Schema& schema, std::string_view key) {
  for (const Definition& definition : schema.body->definitions) {
    std::vector<std::string> keys = keys_of(definition);
    if (std::ranges::find(keys, key) != keys.end()) return keys;
  }
  return {std::string(key)};
}

std::vector<std::string_view> keys_read(const Schema& schema) {
  std::vector<std::string_view> keys;
  for (const Definition& definition : schema.body->definitions) {
    if (definition.keys.empty()) continue;
    const std::string_view key = definition.keys.front().source;
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

}  // namespace shardwright
