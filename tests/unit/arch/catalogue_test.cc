#include "arch/catalogue.h"

#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {

TEST_CASE("arch: every rule compiled in loads, and expands its example") {
  const Catalogue catalogue = Catalogue::builtin();
  CHECK(catalogue.names().size() >= 16);
  for (const std::string_view name : catalogue.names()) {
    INFO(std::string(name));
    const Schema* schema = catalogue.find(name);
    REQUIRE(schema != nullptr);
    CHECK(schema->name == name);
    CHECK(load_schema(schema->name + ".json", schema->text).has_value());
    // What finds a rule without parsing agrees with the rule.
    for (const std::string& type : schema->model_types)
      CHECK(catalogue.by_model_type(type) == schema);
    for (const SchemaAlias& alias : schema->aliases)
      CHECK(catalogue.by_alias(alias.name) == schema);
    for (const SchemaClass& entry : schema->classes)
      CHECK(catalogue.by_class(entry.name) == schema);

    if (schema->example.is_null()) continue;
    std::vector<std::string_view> layouts = {"hub"};
    for (const SchemaLayout& layout : schema->layouts)
      layouts.push_back(layout.name);
    for (const SchemaClass& entry : schema->classes) {
      for (const std::string_view layout : layouts) {
        const auto expansion =
            expand(*schema, schema->example, {.class_name = entry.name, .layout = layout});
        INFO((expansion ? problems_text(*expansion) : expansion.error().message));
        REQUIRE(expansion.has_value());
        CHECK(expansion->usable);
        CHECK(expansion->problems.empty());
        CHECK(expansion->tensors.size() > 3);
      }
    }
  }
  CHECK(catalogue.find("no such rule") == nullptr);
  CHECK(catalogue.by_model_type("") == nullptr);
}

TEST_CASE("arch: rules may be asked for from several threads") {
  const Catalogue catalogue = Catalogue::builtin();
  std::vector<const Schema*> found(8);
  std::vector<std::thread> threads;
  for (auto& schema : found)
    threads.emplace_back([&] { schema = catalogue.by_model_type("llama"); });
  for (std::thread& thread : threads)
    thread.join();
  for (const Schema* schema : found)
    CHECK(schema == catalogue.find("llama"));
}

TEST_CASE("arch: a rule that is added replaces one of its name") {
  Catalogue catalogue = Catalogue::builtin();
  const std::size_t count = catalogue.names().size();
  CHECK(catalogue.add("tiny.json", kTinyRule).has_value());
  CHECK(catalogue.names().size() == count + 1);
  CHECK(catalogue.by_alias("tinier") == catalogue.find("tiny"));
  CHECK(catalogue
            .add("llama.json", R"({"name": "llama", "model_types": ["mine"], "source": "",
      "classes": {"Mine": {}}, "tensors": [{"x": "1"}]})")
            .has_value());
  CHECK(catalogue.names().size() == count + 1);
  CHECK(catalogue.by_model_type("mine") == catalogue.find("llama"));
  CHECK(catalogue.by_model_type("llama") == nullptr);
  const Status bad = catalogue.add("bad.json", "{}");
  REQUIRE(!bad.has_value());
  CHECK(bad.error().message == "bad.json: 'name' is missing");
}

// The full model: 61 layers, the layer for speculative decoding, and block scales.
TEST_CASE("arch: DeepSeek-V3 has the tensors that are on the hub") {
  const Catalogue catalogue = Catalogue::builtin();
  const Expansion expansion = expanded(*catalogue.find("deepseek_v3"), R"({
      "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
      "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                              "weight_block_size": [128, 128]}})");
  CHECK(problems_text(expansion).empty());
  CHECK(expansion.tensors.size() == 91'991);
  const ExpectedTensor* scale =
      expansion.find("model.layers.60.mlp.experts.255.down_proj.weight_scale_inv");
  REQUIRE(scale != nullptr);
  CHECK(shape_text(scale->shape) == "[56, 16]");
  CHECK(scale->layer == 60);
  CHECK(scale->expert == 255);
  CHECK(expansion.find("model.layers.61.eh_proj.weight")->optional);
  CHECK(expansion.find("model.layers.61.eh_proj.weight_scale_inv") == nullptr);
}

}  // namespace shardwright
