#include "arch/catalogue.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/embedded.h"
#include "base/panic.h"
#include "base/text.h"
#include "base/try.h"

namespace shardwright {

// Made by tools/embed.cmake: the files of rules/architectures, and what finds each.
std::span<const EmbeddedFile> builtin_rules();
std::span<const EmbeddedFile> builtin_rules_facts();

Catalogue Catalogue::builtin() {
  Catalogue catalogue;
  const auto texts = builtin_rules();
  const auto facts = builtin_rules_facts();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto rule = std::make_unique<Rule>();
    rule->name = texts[i].name;
    rule->text = texts[i].text;
    for (const std::string_view line : split(facts[i].text, '\n')) {
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos) continue;
      const std::string_view word = line.substr(0, space);
      auto& list = word == "type"    ? rule->model_types
                   : word == "alias" ? rule->aliases
                                     : rule->classes;
      list.emplace_back(line.substr(space + 1));
    }
    catalogue.rules_.push_back(std::move(rule));
  }
  std::ranges::sort(catalogue.rules_, {},
                    [](const auto& rule) -> const auto& { return rule->name; });
  return catalogue;
}

Status Catalogue::add(std::string_view file_name, std::string_view text) {
  SW_TRY(Schema schema, load_schema(file_name, text));
  auto rule = std::make_unique<Rule>();
  rule->name = schema.name;
  rule->model_types = schema.model_types;
  for (const SchemaAlias& alias : schema.aliases)
    rule->aliases.push_back(alias.name);
  for (const SchemaClass& entry : schema.classes)
    rule->classes.push_back(entry.name);
  rule->schema = std::move(schema);
  const auto at = std::ranges::lower_bound(
      rules_, rule->name, {}, [](const auto& other) -> const auto& { return other->name; });
  if (at != rules_.end() && (*at)->name == rule->name) {
    *at = std::move(rule);
  } else {
    rules_.insert(at, std::move(rule));
  }
  return ok();
}

const Schema* Catalogue::parsed(const Rule& rule) {
  std::call_once(rule.once, [&] {
    if (rule.schema) return;
    auto schema = load_schema(rule.name + ".json", rule.text);
    SW_CHECK(schema.has_value());  // a test loads each
    rule.schema = std::move(*schema);
  });
  return &*rule.schema;
}

const Schema* Catalogue::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(
      rules_, name, {}, [](const auto& rule) -> std::string_view { return rule->name; });
  return at != rules_.end() && (*at)->name == name ? parsed(**at) : nullptr;
}

std::vector<std::string_view> Catalogue::names() const {
  std::vector<std::string_view> all;
  for (const auto& rule : rules_)
    all.emplace_back(rule->name);
  return all;
}

const Schema* Catalogue::where(std::vector<std::string> Rule::* list, std::string_view word) const {
  for (const auto& rule : rules_) {
    const std::vector<std::string>& words = (*rule).*list;
    if (std::ranges::find(words, word) != words.end()) return parsed(*rule);
  }
  return nullptr;
}

const Schema* Catalogue::by_model_type(std::string_view model_type) const {
  return where(&Rule::model_types, model_type);
}

const Schema* Catalogue::by_alias(std::string_view model_type) const {
  return where(&Rule::aliases, model_type);
}

const Schema* Catalogue::by_class(std::string_view class_name) const {
  return where(&Rule::classes, class_name);
}

}  // namespace shardwright
