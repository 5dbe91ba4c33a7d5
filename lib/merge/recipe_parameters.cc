#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/recipe_reader.h"

namespace shardwright::recipe {
namespace {

using Kind = YamlNode::Kind;

// A setting as it is read: what its values must be, and what it is called.
struct Setting {
  std::string_view name;
  const ParameterRow* row{};  // none: no method is known to judge by
};

std::string_view expected_of(const Setting& setting) {
  if (setting.row == nullptr) return "a number or a flag";
  switch (setting.row->kind) {
    case ParameterKind::kFlag:
      return "true or false";
    case ParameterKind::kWhole:
      return "a whole number";
    case ParameterKind::kNumber:
      return "a number";
  }
  return {};
}

std::optional<double> value_of(const Setting& setting, const YamlNode& node) {
  const auto flag = [&node]() -> std::optional<double> {
    const auto value = as_flag(node);
    return value ? std::optional<double>(*value ? 1 : 0) : std::nullopt;
  };
  if (setting.row == nullptr) return node.kind == Kind::kFlag ? flag() : as_number(node);
  if (setting.row->kind == ParameterKind::kFlag) return flag();
  const auto number = as_number(node);
  const bool whole = setting.row->kind == ParameterKind::kWhole;
  if (number && whole && std::isfinite(*number) && std::floor(*number) != *number) {
    return std::nullopt;
  }
  return number;
}

// One number, judged by kind and range.
std::optional<double> read_value(Reader& reader, const Setting& setting, const YamlNode& node) {
  const auto value = value_of(setting, node);
  if (!value) {
    tell(reader, node.at,
         fmt::format("'{}' takes {}, not {}", printable(setting.name), expected_of(setting),
                     found(node)));
    return std::nullopt;
  }
  if (!std::isfinite(*value)) {
    tell(reader, node.at,
         fmt::format("'{}' takes a finite number, not {}", printable(setting.name), found(node)));
    return std::nullopt;
  }
  const ParameterRow* row = setting.row;
  if (row != nullptr && row->least <= row->most && (*value < row->least || *value > row->most)) {
    const std::string range = std::isinf(row->most) ? fmt::format("at least {}", row->least)
                              : std::isinf(row->least)
                                  ? fmt::format("at most {}", row->most)
                                  : fmt::format("from {} to {}", row->least, row->most);
    tell(reader, node.at,
         fmt::format("'{}' of method '{}' is {}, not {}", setting.name, reader.method->name, range,
                     *value));
    return std::nullopt;
  }
  return value;
}

// A number, or a list of them.
std::vector<double> read_values(Reader& reader, const Setting& setting, const YamlNode& node) {
  std::vector<double> values;
  if (node.kind != Kind::kList) {
    if (const auto value = read_value(reader, setting, node)) values.push_back(*value);
    return values;
  }
  if (node.items.empty()) {
    tell(reader, node.at, fmt::format("'{}' is an empty list", printable(setting.name)));
  }
  if (node.items.size() > 1 && setting.row != nullptr &&
      setting.row->kind != ParameterKind::kNumber) {
    tell(reader, node.at,
         fmt::format("'{}' takes {}, which has no gradient over layers; one value, or values with "
                     "a 'filter'",
                     setting.name, expected_of(setting)));
    return values;
  }
  for (const YamlNode* item : node.items) {
    const auto value = read_value(reader, setting, *item);
    if (value) values.push_back(*value);
  }
  if (values.size() != node.items.size()) values.clear();
  return values;
}

std::optional<Condition> read_condition(Reader& reader, const Setting& setting,
                                        const YamlNode& node) {
  const auto members = read_members(reader, node, Level::kCondition);
  if (!members) return std::nullopt;
  Condition out;
  out.at = node.at;
  bool good = true;
  if (const YamlNode* filter = members->value("filter")) {
    const auto text = read_text(reader, *filter, "filter");
    good = text.has_value();
    out.filter = text.value_or("");
  }
  if (const YamlNode* value = require(reader, *members, Level::kCondition, "value")) {
    out.values = read_values(reader, setting, *value);
  }
  if (!good || out.values.empty()) return std::nullopt;
  return out;
}

void note_unreachable(Reader& reader, const Setting& setting,
                      const std::vector<Condition>& conditions) {
  const auto fits_all = [](const Condition& c) { return c.filter.empty() || c.filter == "*"; };
  const auto last = std::ranges::find_if(conditions, fits_all);
  if (last == conditions.end() || last + 1 == conditions.end()) return;
  note(reader, (last + 1)->at,
       fmt::format("no tensor gets this value of {}: the entry before it has no 'filter' and fits "
                   "them all",
                   quoted(setting.name)));
}

std::vector<Condition> read_setting(Reader& reader, const Setting& setting, const YamlPair& pair) {
  const YamlNode& node = *pair.value;
  std::vector<Condition> conditions;
  if (node.kind == Kind::kNull) {
    tell(reader, pair.key->at, fmt::format("the parameter {} is empty", quoted(setting.name)));
    return conditions;
  }
  const auto is_map = [](const YamlNode* item) { return item->kind == Kind::kMap; };
  if (node.kind == Kind::kMap) {
    if (auto condition = read_condition(reader, setting, node)) {
      conditions.push_back(*std::move(condition));
    }
  } else if (node.kind == Kind::kList && std::ranges::any_of(node.items, is_map)) {
    for (const YamlNode* item : node.items) {
      if (!is_map(item)) {
        tell(reader, item->at,
             fmt::format("{} lists numbers, or entries of 'filter' and 'value', not both; write "
                         "'- value: ...' here",
                         quoted(setting.name)));
      } else if (auto condition = read_condition(reader, setting, *item)) {
        conditions.push_back(*std::move(condition));
      }
    }
    note_unreachable(reader, setting, conditions);
  } else {
    Condition condition{"", read_values(reader, setting, node), node.at};
    if (!condition.values.empty()) conditions.push_back(std::move(condition));
  }
  return conditions;
}

// What a key under `parameters` stands for.
struct Named {
  std::string_view name;      // as it was meant
  const ParameterRow* row{};  // none: nothing to judge by
  bool known{true};
};

const ParameterRow* find_row(const Method& method, std::string_view name) {
  const auto row = std::ranges::find(method.parameters, name, &ParameterRow::name);
  return row == method.parameters.end() ? nullptr : &*row;
}

Named name_parameter(Reader& reader, const YamlNode& key, bool of_model) {
  Named out{key.text, nullptr, true};
  if (reader.method == nullptr) return out;
  out.row = find_row(*reader.method, key.text);
  if (key.text == kInt8Mask) return out;
  if (out.row == nullptr) {
    std::optional<std::string_view> meant;
    tell(reader, key.at, unknown_parameter(reader, key.text, meant));
    out.known = meant.has_value();
    if (meant) out = {*meant, find_row(*reader.method, *meant), true};
  } else if (of_model && out.row != nullptr && out.row->scope == ParameterScope::kGlobal) {
    tell(
        reader, key.at,
        fmt::format("'{}' holds for all models together; move it to the 'parameters' of the recipe "
                    "or of a slice",
                    key.text));
  }
  return out;
}

bool has_name(const Parameters& parameters, std::string_view name) {
  return std::ranges::find(parameters, name, &Parameter::name) != parameters.end();
}

}  // namespace

Parameters read_parameters(Reader& reader, const Members& members, bool of_model) {
  Parameters out;
  // Written beside `parameters`, and told already: not missing.
  for (const YamlPair& pair : members.unknown) {
    if (reader.method != nullptr && find_row(*reader.method, pair.key->text) != nullptr) {
      out.push_back({pair.key->text, {}, pair.key->at});
    }
  }
  const YamlNode* node = members.value("parameters");
  if (node == nullptr) return out;
  for (const YamlPair& pair : read_named(reader, *node, "'parameters'")) {
    const Named named = name_parameter(reader, *pair.key, of_model);
    if (named.name == kInt8Mask) {
      if (read_flag(reader, *pair.value, kInt8Mask)) {
        note(reader, pair.key->at,
             "'int8_mask' is passed over: it saves memory elsewhere and changes no result");
      }
    } else if (named.known && (reader.method == nullptr || !has_name(out, named.name))) {
      auto conditions = read_setting(reader, {named.name, named.row}, pair);
      out.push_back({std::string(named.name), std::move(conditions), pair.key->at});
    }
  }
  return out;
}

}  // namespace shardwright::recipe
