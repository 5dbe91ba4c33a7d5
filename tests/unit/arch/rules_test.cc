// Every rule that is compiled in loads, and its example is a config that it can expand.
#include <set>
#include <span>
#include <string>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "arch/expand.h"
#include "arch/schema.h"
#include "base/embedded.h"

namespace shardwright {

std::span<const EmbeddedFile> builtin_rules();

TEST_CASE("arch: every rule loads, and expands its own example") {
  REQUIRE(builtin_rules().size() >= 16);
  for (const EmbeddedFile& file : builtin_rules()) {
    CAPTURE(file.name);
    const auto schema = load_schema(std::string(file.name) + ".json", file.text);
    if (!schema) MESSAGE(schema.error().message);
    REQUIRE(schema.has_value());
    CHECK(schema->name == file.name);
    const auto document = json::parse(file.text);
    REQUIRE(document.has_value());
    const json::Value* example = document->root.find("example");
    REQUIRE(example != nullptr);
    for (const SchemaClass& entry : schema->classes) {
      CAPTURE(entry.name);
      const auto expected = expand(*schema, *example, {.class_name = entry.name, .layout = "hub"});
      REQUIRE(expected.has_value());
      for (const ConfigProblem& problem : expected->problems)
        MESSAGE(problem.message);
      CHECK(expected->problems.empty());
      REQUIRE(expected->usable);
      CHECK(!expected->tensors.empty());
      std::set<std::string_view> names;
      for (const ExpectedTensor& tensor : expected->tensors)
        CHECK(names.insert(tensor.name).second);
    }
    for (const SchemaLayout& layout : schema->layouts) {
      CAPTURE(layout.name);
      const auto expected = expand(*schema, *example, {.layout = layout.name});
      REQUIRE(expected.has_value());
      CHECK(expected->usable);
    }
  }
}

TEST_CASE("arch: a rule is found by its types, aliases and classes") {
  const Catalogue catalogue = Catalogue::builtin();
  for (const std::string_view name : catalogue.names()) {
    CAPTURE(name);
    const Schema* schema = catalogue.find(name);
    REQUIRE(schema != nullptr);
    for (const std::string& type : schema->model_types)
      CHECK(catalogue.by_model_type(type) == schema);
    for (const SchemaAlias& alias : schema->aliases)
      CHECK(catalogue.by_alias(alias.name) == schema);
    for (const SchemaClass& entry : schema->classes)
      CHECK(catalogue.by_class(entry.name) == schema);
  }
  CHECK(catalogue.find("no_such_rule") == nullptr);
  CHECK(catalogue.by_model_type("") == nullptr);
}

}  // namespace shardwright
