#include "moe/gate_quality.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "moe/token_shares.h"

namespace shardwright {
namespace {

using Notes = std::vector<std::string>;

// Rows of two numbers, by their angles in degrees.
constexpr float kCosine10 = 0.98480775F, kSine10 = 0.17364818F;

// Two experts in six layers: apart in layers 2 and 5, equal in layer 0, 10 degrees apart else.
GateTable six_layers(GateMode mode) {
  GateTable table{.layers = 6, .experts = 2, .hidden = 2, .routed = 2, .mode = mode};
  for (std::size_t layer = 0; layer < 6; ++layer) {
    const bool apart = layer == 2 || layer == 5;
    table.rows.insert(table.rows.end(), {1, 0});
    if (layer == 0) {
      table.rows.insert(table.rows.end(), {1, 0});
    } else if (apart) {
      table.rows.insert(table.rows.end(), {0, 1});
    } else {
      table.rows.insert(table.rows.end(), {kCosine10, kSine10});
    }
  }
  return table;
}

}  // namespace

TEST_CASE("moe: the nearest rows are named, of experts that are chosen among") {
  const GateTable table{.layers = 1,
                        .experts = 3,
                        .hidden = 2,
                        .routed = 2,
                        .rows = {1, 0, 0.6F, 0.8F, 1, 0},
                        .mode = GateMode::kEmbedding};
  CHECK(describe_gates(table) ==
        Notes{"the nearest rows of a gate are those of experts 0 and 1: their cosine is 0.600"});
  CHECK(describe_gates({.layers = 1, .experts = 1, .hidden = 1, .routed = 1, .rows = {1}}).empty());
}

TEST_CASE("moe: layers in which two experts are hard to tell apart are one line") {
  const Notes notes = describe_gates(six_layers(GateMode::kHidden));
  REQUIRE(notes.size() == 3);
  CHECK(
      notes[0] ==
      "the nearest rows of a gate are those of experts 0 and 1 in layer 0: their cosine is 1.000");
  CHECK(notes[1].starts_with("in layer 0 the rows of experts 0 and 1 are equal: "));
  CHECK(notes[2] ==
        "hard to tell apart, so that both get much the same tokens: experts 0 and 1 in layers 1, 3 "
        "to "
        "4 (cosine up to 0.985); give them prompts that differ more");
}

TEST_CASE("moe: means over tokens that are near each other have another cause") {
  const Notes notes = describe_gates(six_layers(GateMode::kHiddenMean));
  REQUIRE(notes.size() == 2);
  CHECK(notes[1].find("in layers 0 to 1, 3 to 4") != std::string::npos);
  CHECK(notes[1].find("'hidden' or 'cheap_embed'") != std::string::npos);
}

TEST_CASE("moe: of many pairs the nearest are named") {
  GateTable table{
      .layers = 1, .experts = 4, .hidden = 1, .routed = 4, .mode = GateMode::kEmbedding};
  table.rows = {1, 1, 1, 1};
  const Notes notes = describe_gates(table);
  REQUIRE(notes.size() == 2);
  CHECK(notes[1].find("1 and 2 (cosine 1.000), and 2 more pairs;") != std::string::npos);
}

TEST_CASE("moe: prompts that leave nothing of each other") {
  GateTable table{.layers = 2, .experts = 2, .hidden = 2, .routed = 1, .mode = GateMode::kHidden};
  table.rows = {1, 0, 0, 1, 1, 0, 0, 1};
  table.left = {0.01, 1, 1, 0.02};
  CHECK(
      describe_gates(table) ==
      Notes{"the negative prompts of expert 0 leave nearly nothing of its positive ones in layer 0",
            "the negative prompts of shared expert 0 leave nearly nothing of its positive ones in "
            "layer 1"});
}

TEST_CASE("moe: tokens go to the experts whose rows fit them best") {
  GateTable table{.layers = 2, .experts = 3, .hidden = 2, .routed = 2};
  table.rows = {1, 0, 0, 1, 9, 9, 0, 1, 1, 0, 9, 9};
  TokenShares first(table, 0, 1);
  first.count(std::vector<float>{2, 1});
  first.count(std::vector<float>{1, 1});  // the first of equals
  first.count(std::vector<float>{-1, 0});
  CHECK(first.parts() == std::vector<double>{2.0 / 3, 1.0 / 3});
  TokenShares second(table, 1, 1);
  second.count(std::vector<float>{2, 1});
  CHECK(second.parts() == std::vector<double>{0, 1});
  TokenShares all(table, 0, 7);
  CHECK(all.parts() == std::vector<double>{0, 0});
  all.count(std::vector<float>{2, 1});
  CHECK(all.parts() == std::vector<double>{0.5, 0.5});

  table.shares = {{.layer = 0, .of_experts = {0.25, 0.75}}, {.layer = 1, .of_experts = {1, 0}}};
  CHECK(
      describe_gates(table).back() ==
      "of the prompts' tokens, as they come to a layer, the experts get 25%, 75% in layer 0; 100%, "
      "0% in layer 1");
}

TEST_CASE("moe: what rows are is measured in each layer") {
  GateTable table{
      .layers = 2, .experts = 2, .hidden = 2, .routed = 2, .rows = {1, 0, 0.6F, 0.8F, 0, 1, 0, 1}};
  table.norms = {2, 5, 3, 3};
  table.shares = {{.layer = 0, .of_experts = {0.25, 0.75}}, {.layer = 1, .of_experts = {1, 0}}};
  const auto gates = measure_gates(table);
  REQUIRE(gates.size() == 2);
  CHECK(gates[0].layer == 0U);
  CHECK(gates[0].norms == std::vector<double>{2, 5});
  CHECK(gates[0].cosines[0][1] == doctest::Approx(0.6));
  CHECK(gates[0].cosines[1][1] == doctest::Approx(1));
  CHECK(gates[0].shares == std::vector<double>{0.25, 0.75});
  CHECK(gates[1].norms == std::vector<double>{3, 3});
  CHECK(gates[1].cosines[0][1] == doctest::Approx(1));
  CHECK(gates[1].shares == std::vector<double>{1, 0});
  CHECK(describe_gates(table)[1] == "the rows had lengths from 2 to 5, and have 1");

  const GateTable same{
      .layers = 1, .experts = 1, .hidden = 1, .routed = 1, .rows = {1}, .norms = {4}};
  REQUIRE(measure_gates(same).size() == 1);
  CHECK(!measure_gates(same)[0].layer);
  CHECK(describe_gates(same).empty());
}

}  // namespace shardwright
