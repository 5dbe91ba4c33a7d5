#include "forward/rotary.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

json::Value parsed(std::string_view text) {
  auto document = json::parse(text);
  REQUIRE(document);
  return std::move(document->root);
}

const json::Value& defaults() {
  static const json::Value values =
      parsed(R"({"rope_theta": 10000.0, "max_position_embeddings": 64})");
  return values;
}

Rotary rotary(std::string_view config, std::size_t head = 16, const RotaryHabits& habits = {}) {
  auto made = rotary_of(parsed(config), defaults(), head, habits);
  INFO(config, (made ? std::string() : made.error().message));
  REQUIRE(made);
  return *made;
}

std::string refused(std::string_view config, std::size_t head = 16,
                    const RotaryHabits& habits = {}) {
  const auto made = rotary_of(parsed(config), defaults(), head, habits);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::kUnsupported);
  return made.error().message;
}

void check_frequencies(const std::vector<float>& found, const std::array<double, 8>& wanted) {
  REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    CHECK(found[i] == doctest::Approx(wanted[i]).epsilon(1e-6));
}

}  // namespace

// Numbers of transformers 5.23.0, ROPE_INIT_FUNCTIONS.
TEST_CASE("forward: frequencies of all kinds of rotary positions") {
  check_frequencies(rotary_frequencies(rotary("{}"), 10), {1, 0.316227766, 0.1, 0.0316227766, 0.01,
                                                           0.00316227766, 0.001, 0.000316227766});
  check_frequencies(
      rotary_frequencies(rotary(R"({"rope_scaling": {"type": "linear", "factor": 2.5}})"), 10),
      {0.400000006, 0.1264911, 0.0399999991, 0.0126491114, 0.00399999972, 0.00126491114,
       0.000400000019, 0.000126491112});
  const Rotary dynamic =
      rotary(R"({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}})");
  CHECK(rotary_frequencies(dynamic, 64) == rotary_frequencies(rotary("{}"), 64));
  check_frequencies(rotary_frequencies(dynamic, 100),
                    {1.0, 0.283945143, 0.0806248412, 0.0228930302, 0.00650036521, 0.001845747,
                     0.000524090894, 0.000148813066});
  check_frequencies(
      rotary_frequencies(rotary(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                            "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                            "original_max_position_embeddings": 512}})"),
                         10),
      {1.0, 0.316227764, 0.100000001, 0.0184966773, 0.00124999997, 0.000395284733, 0.000125000006,
       3.95284733e-05});
}

TEST_CASE("forward: yarn, plain and with all its keys") {
  const Rotary plain = rotary(
      R"({"rope_parameters": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64}})");
  CHECK(plain.attention_factor == doctest::Approx(1.138629436111989));
  check_frequencies(rotary_frequencies(plain, 10),
                    {1.0, 0.237170815, 0.049999997, 0.00790569466, 0.00249999994, 0.000790569466,
                     0.000250000012, 7.90569466e-05});
  const Rotary all = rotary(
      R"({"rope_parameters": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64,
          "beta_fast": 8.0, "beta_slow": 0.5, "truncate": false, "mscale": 0.7, "mscale_all_dim": 1.2}})");
  CHECK(all.attention_factor == doctest::Approx(0.9405715251010841));
  check_frequencies(rotary_frequencies(all, 10),
                    {1.0, 0.238408461, 0.0442483015, 0.00790569466, 0.00249999994, 0.000790569466,
                     0.000250000012, 7.90569466e-05});
  // Where the top of the config says it, that counts; and no factor is that of the positions.
  const Rotary other = rotary(
      R"({"original_max_position_embeddings": 16, "max_position_embeddings": 32, "rope_scaling":
          {"type": "yarn", "factor": null, "original_max_position_embeddings": 64, "attention_factor": 2}})");
  CHECK(other.original_positions == 16);
  CHECK(other.factor == 2);
  CHECK(other.attention_factor == 2);
}

TEST_CASE("forward: what only some classes heed") {
  constexpr std::string_view kAlpha =
      R"({"rope_scaling": {"type": "dynamic", "factor": 1, "alpha": 50}})";
  CHECK(rotary(kAlpha).kind == RotaryKind::kDynamic);
  const Rotary alpha = rotary(kAlpha, 16, {.alpha = true});
  CHECK(alpha.kind == RotaryKind::kAlpha);
  CHECK(rotary_frequencies(alpha, 1)[1] ==
        doctest::Approx(std::pow(1e4 * std::pow(50.0, 16.0 / 14), -1.0 / 8)));
  constexpr std::string_view kHalf = R"({"partial_rotary_factor": 0.5})";
  CHECK(rotary(kHalf).dims == 16);
  CHECK(rotary(kHalf, 16, {.partial = true}).dims == 8);
}

TEST_CASE("forward: rotary positions that are not handled are refused with key and value") {
  CHECK(refused(R"({"rope_scaling": {"type": "longrope", "factor": 4}})") ==
        "a forward pass with rope_scaling.type 'longrope' is not supported");
  CHECK(refused(R"({"rope_parameters": {"rope_type": "linear"}})") ==
        "a forward pass with factor not given is not supported");
  CHECK(refused(R"({"rope_parameters": {"rope_type": "linear", "factor": -1}})") ==
        "a forward pass with rope_parameters.factor -1 is not supported");
  CHECK(refused(R"({"rope_parameters": {"full_attention": {"rope_type": "default"}}})") ==
        "a forward pass with rope_parameters.full_attention an object is not supported");
  CHECK(refused(R"({"rope_theta": 0.0})").find("rope_theta 0") != std::string::npos);
  CHECK(refused("{}", 15).find("head_dim 15") != std::string::npos);
  CHECK(refused("{}", 0).find("head_dim 0") != std::string::npos);
  CHECK(refused(R"({"rope_scaling": {"type": "dynamic", "factor": 2}})", 2).find("head_dim 2") !=
        std::string::npos);
  CHECK(
      refused(R"({"partial_rotary_factor": 0.5, "rope_scaling": {"type": "linear", "factor": 2}})")
          .find("partial_rotary_factor 0.5") != std::string::npos);
  CHECK(refused(R"({"partial_rotary_factor": 1e300})", 16, {.partial = true})
            .find("partial_rotary_factor") != std::string::npos);
  CHECK(
      refused(
          R"({"rope_scaling": {"type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}})")
          .find("high_freq_factor 4") != std::string::npos);
  CHECK(refused(R"({"rope_scaling": {"type": "linear", "factor": 1e-300}})").find("finite") !=
        std::string::npos);
}

TEST_CASE("forward: pairs are turned by position, beside each other or half a head apart") {
  Rotary quarter{.dims = 4, .theta = 10000};
  const std::array<std::size_t, 2> lengths = {2, 1};
  const RotaryTable table = rotary_table(quarter, lengths);
  CHECK(table.cosines.size() == 6);
  CHECK(table.cosines[4] == 1);  // a sequence begins at 0 again
  std::vector<float> halves = {1, 2, 3, 4, 5};
  std::vector<float> beside = halves;
  rotate(halves, table, 1, false);
  rotate(beside, table, 1, true);
  CHECK(halves[0] == doctest::Approx(std::cos(1.0) - 3 * std::sin(1.0)));
  CHECK(halves[2] == doctest::Approx(3 * std::cos(1.0) + std::sin(1.0)));
  CHECK(halves[1] == doctest::Approx(2 * std::cos(0.01) - 4 * std::sin(0.01)));
  CHECK(halves[4] == 5);
  CHECK(beside[0] == doctest::Approx(std::cos(1.0) - 2 * std::sin(1.0)));
  CHECK(beside[1] == doctest::Approx(2 * std::cos(1.0) + std::sin(1.0)));
  CHECK(beside[3] == doctest::Approx(4 * std::cos(0.01) + 3 * std::sin(0.01)));
}

}  // namespace shardwright
