// rules/architecture.schema.json tells editors what the loader takes: neither may take more keys,
// or other types, than the other.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "arch/rule_reader.h"
#include "arch/schema.h"
#include "base/embedded.h"
#include "json/value.h"
#include "rules.h"
#include "support/json_schema.h"

namespace shardwright {

std::span<const EmbeddedFile> builtin_rules();
std::span<const EmbeddedFile> rule_schema();

namespace {

json::Value parsed(std::string_view text) {
  auto document = json::parse(text);
  REQUIRE(document.has_value());
  return std::move(document->root);
}

json::Value schema_of_rules() {
  REQUIRE(rule_schema().size() == 1);
  return parsed(rule_schema()[0].text);
}

struct Verdicts {
  bool loader{};
  bool schema{};
};

struct Rule {
  std::string file{};
  json::Value value{};
};

// The shipped rules, and the one of these tests, which uses what few rules do.
std::vector<Rule> all_rules() {
  std::vector<Rule> rules = {{"tiny.json", parsed(kTinyRule)}};
  for (const EmbeddedFile& file : builtin_rules())
    rules.push_back({std::string(file.name) + ".json", parsed(file.text)});
  return rules;
}

Verdicts verdicts(const json::Value& schema, const Rule& rule) {
  return {.loader = load_schema(rule.file, json::dump(rule.value)).has_value(),
          .schema = test::schema_mismatch(schema, rule.value).empty()};
}

using Visit = std::function<void(json::Value& value, const std::string& place)>;

// Every value, with its place: positions in lists are left out, so that each kind of place counts
// once.
void walk(json::Value& value, const std::string& place, const Visit& visit) {
  visit(value, place);
  if (auto* object = std::get_if<json::Value::Object>(&value.data)) {
    for (std::size_t i = 0; i < object->size(); ++i)
      walk((*object)[i].value, place + "/" + (*object)[i].key, visit);
  } else if (auto* array = std::get_if<json::Value::Array>(&value.data)) {
    for (json::Value& element : *array)
      walk(element, place + "/*", visit);
  }
}

}  // namespace

TEST_CASE("arch: every rule fits the JSON Schema") {
  const json::Value schema = schema_of_rules();
  for (const Rule& rule : all_rules()) {
    CAPTURE(rule.file);
    CHECK(test::schema_mismatch(schema, rule.value) == "");
  }
}

TEST_CASE("arch: loader and JSON Schema know the same keys") {
  const json::Value schema = schema_of_rules();
  std::set<std::string> described;
  for (const json::Member& definition : *schema.find("$defs")->object()) {
    if (definition.value.find("properties") != nullptr) described.insert(definition.key);
  }
  for (const RuleObject& object : rule_objects()) {
    CAPTURE(object.name);
    REQUIRE(described.erase(std::string(object.name)) == 1);
    const json::Value* definition = schema.find("$defs")->find(object.name);
    const bool* more = definition->find("additionalProperties")->boolean();
    REQUIRE(more != nullptr);
    CHECK(!*more);
    std::set<std::string> keys;
    for (const json::Member& property : *definition->find("properties")->object())
      keys.insert(property.key);
    CHECK(keys == std::set<std::string>(object.keys.begin(), object.keys.end()));
  }
  CHECK(described.empty());
}

TEST_CASE(
    "arch: what a slip of the pen makes of a rule is refused by loader and JSON Schema alike") {
  const json::Value schema = schema_of_rules();
  std::set<std::string> seen;
  std::size_t tried = 0;
  for (Rule& rule : all_rules()) {
    walk(rule.value, "", [&](json::Value& value, const std::string& place) {
      if (!seen.insert(place).second) return;
      CAPTURE(rule.file);
      CAPTURE(place);
      const json::Value before = value;
      // A config, and values of one: any keys and values.
      const bool inside = place.starts_with("/example/") || place.starts_with("/defaults/");
      const bool free = inside || place == "/example" || place == "/defaults";
      const auto agree = [&](bool accepted) {
        const Verdicts found = verdicts(schema, rule);
        CHECK(found.loader == accepted);
        CHECK(found.schema == accepted);
        value = before;
        ++tried;
      };
      if (auto* object = std::get_if<json::Value::Object>(&value.data)) {
        object->push_back({"unheard_of", json::Value{.data = std::int64_t{1}}});
        agree(free);
      }
      value.data = std::int64_t{1};
      agree(inside);
      value.data = std::monostate{};
      agree(inside);
      // What the schema refuses the loader refuses: an editor gives no false alarm. The loader
      // sees more, such as a name that nothing defines.
      for (std::size_t i = 0; value.object() != nullptr && i < value.object()->size(); ++i) {
        auto& object = std::get<json::Value::Object>(value.data);
        object.erase(object.begin() + static_cast<std::ptrdiff_t>(i));
        const Verdicts found = verdicts(schema, rule);
        CHECK((found.schema || !found.loader));
        value = before;
      }
      if (value.array() != nullptr) {
        value.data = json::Value::Array{};
        const Verdicts found = verdicts(schema, rule);
        CHECK((found.schema || !found.loader));
        value = before;
      }
    });
  }
  CHECK(tried > 1000);
}

}  // namespace shardwright
