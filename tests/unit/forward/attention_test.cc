#include "forward/attention.h"

#include <array>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "forward/product.h"

namespace shardwright {
namespace {

// One key and value a token, as many queries as heads; what each attends to, one by one.
std::vector<float> attended(const AttentionShape& shape, std::span<const std::size_t> lengths,
                            const std::vector<float>& queries, const std::vector<float>& keys,
                            const std::vector<float>& values) {
  std::vector<float> out;
  std::size_t begin = 0;
  for (const std::size_t length : lengths) {
    for (std::size_t i = 0; i < length; ++i) {
      for (std::size_t head = 0; head < shape.heads; ++head) {
        double sum = 0;
        double mixed = 0;
        const double query = queries[(begin + i) * shape.heads + head];
        for (std::size_t j = 0; j <= i; ++j) {
          if (shape.window != 0 && i - j >= shape.window) continue;
          const double weight = std::exp(query * keys[begin + j] * shape.score_factor);
          sum += weight;
          mixed += weight * values[begin + j];
        }
        out.push_back(static_cast<float>(mixed / sum));
      }
    }
    begin += length;
  }
  return out;
}

}  // namespace

TEST_CASE("forward: attention of two tokens, by hand") {
  REQUIRE(load_products());
  const AttentionShape shape{.heads = 1, .kv = 1, .head = 2, .head_value = 1, .score_factor = 0.5};
  const std::array<std::size_t, 1> lengths = {2};
  std::vector<float> out(2);
  attend(shape, lengths, std::vector<float>{1, 0, 1, 1}, std::vector<float>{2, 0, 0, 4},
         std::vector<float>{10, 20}, 1, nullptr, out);
  CHECK(out[0] == 10);
  // Scores 1 and 2.
  CHECK(out[1] == doctest::Approx((10 + 20 * std::exp(1.0)) / (1 + std::exp(1.0))));
}

TEST_CASE("forward: attention stays within a sequence and a window, for any number of threads") {
  REQUIRE(load_products());
  const std::array<std::size_t, 3> lengths = {1, 150, 70};
  std::vector<float> queries;
  std::vector<float> keys;
  std::vector<float> values;
  for (std::size_t i = 0; i < 221; ++i) {
    queries.push_back(std::sin(static_cast<float>(i)));
    queries.push_back(std::cos(static_cast<float>(2 * i)));
    keys.push_back(std::cos(static_cast<float>(3 * i)));
    values.push_back(static_cast<float>(i % 17));
  }
  for (const std::size_t window : {0U, 1U, 5U, 64U, 100U}) {
    CAPTURE(window);
    const AttentionShape shape{
        .heads = 2, .kv = 1, .head = 1, .head_value = 1, .score_factor = 2, .window = window};
    const std::vector<float> wanted = attended(shape, lengths, queries, keys, values);
    std::vector<float> one(wanted.size());
    std::vector<float> three(wanted.size());
    attend(shape, lengths, queries, keys, values, 1, nullptr, one);
    attend(shape, lengths, queries, keys, values, 3, nullptr, three);
    CHECK(one == three);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      CHECK(one[i] == doctest::Approx(wanted[i]).epsilon(1e-4));
  }
}

}  // namespace shardwright
