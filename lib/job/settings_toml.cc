// The only file that knows toml++.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32

#include <toml++/toml.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "job/settings_node.h"

namespace shardwright {
namespace {

SettingsNode node_of(const toml::node& from) {
  SettingsNode node{.line = from.source().begin.line};
  if (const auto* text = from.as_string()) {
    node.kind = SettingsNode::Kind::kText;
    node.text = text->get();
  } else if (const auto* list = from.as_array()) {
    node.kind = SettingsNode::Kind::kList;
    for (const toml::node& item : *list)
      node.items.push_back(node_of(item));
  } else if (const auto* table = from.as_table()) {
    node.kind = SettingsNode::Kind::kTable;
    for (const auto& [key, value] : *table) {
      node.items.push_back(node_of(value));
      node.items.back().key = key.str();
      node.items.back().line = key.source().begin.line;
    }
    // The library keeps them by name.
    std::ranges::stable_sort(node.items, {}, &SettingsNode::line);
  } else {
    node.other = from.is_boolean() ? "true or false" : from.is_number() ? "a number" : "a date";
  }
  return node;
}

}  // namespace

Result<SettingsNode> parse_settings_toml(std::string_view text) {
  // The library stops at the first byte that is wrong, and says only that there is one.
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
    const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
    return Error{ErrorCode::kMalformed, fmt::format("{}: not UTF-8", line)};
  }
  const toml::parse_result parsed = toml::parse(text);
  if (parsed) return node_of(parsed.table());
  const toml::parse_error& error = parsed.error();
  return Error{ErrorCode::kMalformed,
               fmt::format("{}: {}", error.source().begin.line, printable(error.description()))};
}

}  // namespace shardwright
