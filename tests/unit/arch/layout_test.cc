#include "arch/layout.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {
namespace {

constexpr std::string_view kConfig =
    R"({"vocab_size": 5, "layer_types": ["dense", "sparse"], "num_experts": 3})";
constexpr std::string_view kFp8 =
    R"({"vocab_size": 6, "hidden_size": 8, "intermediate_size": 4, "num_experts": 2,
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 2]}})";

using Contents = std::map<std::string, std::vector<std::uint64_t>, std::less<>>;

// Elements that are all different, in every tensor of an expansion.
Contents numbered(const Expansion& expansion) {
  Contents contents;
  std::uint64_t next = 0;
  for (const ExpectedTensor& tensor : expansion.tensors) {
    auto& elements = contents[std::string(tensor.name)];
    elements.resize(element_count(tensor.shape).value());
    for (std::uint64_t& element : elements)
      element = ++next;
  }
  return contents;
}

// The position in the source of a position in the source with its last two extents swapped.
std::uint64_t turned(std::uint64_t at, ShapeView shape) {
  const std::uint64_t rows = shape[shape.size() - 2];
  const std::uint64_t columns = shape[shape.size() - 1];
  const std::uint64_t matrix = at / (rows * columns);
  at %= rows * columns;
  return matrix * rows * columns + at % rows * columns + at / rows;
}

Contents mapped(const LayoutMap& map, const Contents& from) {
  Contents contents;
  for (const MappedTensor& tensor : map.tensors) {
    auto& elements = contents[std::string(tensor.name)];
    elements.assign(element_count(tensor.shape).value(), 0);
    for (const LayoutPart& part : tensor.parts) {
      const ExpectedTensor* source = map.from.find(part.source);
      REQUIRE(source != nullptr);
      const auto& values = from.find(part.source)->second;
      for (std::uint64_t row = 0; row < part.rows; ++row) {
        for (std::uint64_t i = 0; i < part.length; ++i) {
          const std::uint64_t at = part.source_begin + row * part.length + i;
          std::uint64_t& element = elements.at(part.target_begin + row * part.target_stride + i);
          CHECK(element == 0);  // each once
          element = values.at(part.transposed ? turned(at, source->shape) : at);
        }
      }
    }
    CHECK(std::ranges::find(elements, std::uint64_t{0}) == elements.end());
  }
  return contents;
}

LayoutMap map_of(const Schema& schema, std::string_view config, std::string_view from,
                 std::string_view to) {
  auto map = map_layouts(schema, json_value(config), "", from, to);
  INFO((map ? std::string() : map.error().message));
  REQUIRE(map.has_value());
  return std::move(*map);
}

}  // namespace

TEST_CASE("arch: layouts stack, join, split, turn and rename") {
  const Schema schema = tiny_rule();
  CHECK(tensors_text(expanded(schema, kConfig, {.layout = "fused"})) ==
        "model.embed_tokens.weight [5, 8] embedding\n"
        "model.layers.0.self_attn.q_proj.weight [8, 8]\n"
        "model.layers.0.self_attn.k_proj.weight [4, 8]\n"
        "model.layers.0.mlp.up_proj.weight [16, 8]\n"
        "model.layers.0.mlp.down_proj.weight [8, 16]\n"
        "model.layers.0.norm.weight [8] norm\n"
        "model.layers.1.self_attn.q_proj.weight [8, 8]\n"
        "model.layers.1.self_attn.k_proj.weight [4, 8]\n"
        "model.layers.1.mlp.router.weight [3, 8] router wider\n"
        "model.layers.1.mlp.experts.gate_up_proj [3, 8, 8] expert\n"
        "model.layers.1.mlp.experts.down_proj [3, 8, 4] expert\n"
        "model.layers.1.norm.weight [8] norm\n"
        "model.norm.weight [8] norm\n"
        "lm_head.weight [5, 8] head\n");
  const Expansion turned_form = expanded(schema, kConfig, {.layout = "turned"});
  CHECK(shape_text(turned_form.find("model.layers.1.mlp.experts.gate_up_proj")->shape) ==
        "[3, 8, 8]");
  const Expansion packed = expanded(schema, kConfig, {.layout = "packed"});
  CHECK(shape_text(packed.find("model.layers.0.self_attn.qk_proj.weight")->shape) == "[12, 8]");
  CHECK(shape_text(packed.find("model.embed_a.weight")->shape) == "[3, 8]");
  CHECK(shape_text(packed.find("model.embed_b.weight")->shape) == "[2, 8]");
  CHECK(packed.find("model.embed_a.weight")->role == Role::kEmbedding);
  const Expansion bare = expanded(schema, kConfig, {.layout = "bare"});
  CHECK(bare.find("layers.0.norm.weight") != nullptr);
  CHECK(bare.layout == "bare");

  const auto unknown = expand(schema, json_value(kConfig), {.layout = "fusd"});
  REQUIRE(!unknown.has_value());
  CHECK(unknown.error().code == ErrorCode::kInvalidArgument);
  CHECK(unknown.error().message ==
        "rule 'tiny' has no layout 'fusd': it has hub, fused, turned, packed, bare");
}

TEST_CASE("arch: the layout is the form that most names fit") {
  const Schema schema = tiny_rule();
  for (const std::string_view layout : {"hub", "fused", "turned", "packed", "bare"}) {
    const Expansion expansion = expanded(schema, kConfig, {.layout = layout});
    std::vector<std::string_view> names = {"something.else"};
    for (const ExpectedTensor& tensor : expansion.tensors)
      names.push_back(tensor.name);
    names.pop_back();
    const Expansion chosen = expanded(schema, kConfig, {.names = names});
    // One that only turns tensors has the hub's names: which it is, no name tells.
    CHECK(chosen.layout == layout);
    CHECK(tensors_text(chosen) == tensors_text(expansion));
  }
  CHECK(expanded(schema, kConfig).layout == "hub");
}

TEST_CASE("arch: stacked experts lie as the page says") {
  const Schema schema = tiny_rule();
  const LayoutMap map = map_of(schema, kConfig, "hub", "fused");
  const auto found =
      std::ranges::find(map.tensors, std::string_view("model.layers.1.mlp.experts.gate_up_proj"),
                        &MappedTensor::name);
  REQUIRE(found != map.tensors.end());
  REQUIRE(found->parts.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const LayoutPart& part = found->parts[i];
    CHECK(part.source ==
          fmt::format("model.layers.1.mlp.experts.{}.w{}.weight", i / 2, i % 2 == 0 ? 1 : 3));
    CHECK(part.source_begin == 0);
    CHECK(part.target_begin == 32 * i);
    CHECK(part.length == 32);
    CHECK(part.rows == 1);
    CHECK(!part.transposed);
  }
}

TEST_CASE("arch: every layout maps to the hub's form and back without a change") {
  const Schema schema = tiny_rule();
  for (const std::string_view config : {kConfig, kFp8}) {
    for (const std::string_view layout : {"hub", "fused", "turned", "packed", "bare"}) {
      INFO(std::string(layout));
      const LayoutMap there = map_of(schema, config, "hub", layout);
      const LayoutMap back = map_of(schema, config, layout, "hub");
      const Contents hub = numbered(there.from);
      const Contents other = mapped(there, hub);
      CHECK(other.size() == there.to.tensors.size());
      CHECK(mapped(back, other) == hub);
    }
  }
}

TEST_CASE("arch: one layout maps to another over the hub's form") {
  const Schema schema = tiny_rule();
  const Contents hub = numbered(expanded(schema, kConfig));
  const Contents fused = mapped(map_of(schema, kConfig, "hub", "fused"), hub);
  CHECK(mapped(map_of(schema, kConfig, "fused", "packed"), fused) ==
        mapped(map_of(schema, kConfig, "hub", "packed"), hub));
  const auto hard = map_layouts(schema, json_value(kConfig), "", "fused", "turned");
  REQUIRE(!hard.has_value());
  CHECK(hard.error().message == "no map from layout 'fused' to 'turned': go over 'hub'");
  const auto broken = map_layouts(schema, json_value("{}"), "", "hub", "fused");
  REQUIRE(!broken.has_value());
  CHECK(broken.error().code == ErrorCode::kUnsupported);
  CHECK(broken.error().message == "'vocab_size' is missing, and has no default");
}

TEST_CASE("arch: what the rule cannot join is the rule's fault") {
  std::string text(kTinyRule);
  text.replace(text.find("\"w3.weight\": \"ffn, hidden\""), 26, "\"w3.weight\": \"ffn, heads\"");
  const Schema schema = tiny_rule(text);
  const auto expansion = expand(schema, json_value(kConfig), {.layout = "fused"});
  REQUIRE(!expansion.has_value());
  CHECK(expansion.error().message ==
        "layout 'fused' of rule 'tiny': its shape does not fit those beside it: "
        "'model.layers.1.mlp.experts.0.w3.weight'");
}

}  // namespace shardwright
