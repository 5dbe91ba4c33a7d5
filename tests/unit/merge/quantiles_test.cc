// Quantiles against a sort.
#include "merge/quantiles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

TEST_CASE("merge: quantiles are those of a sort, whatever the signs") {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const std::size_t size : {1U, 2U, 7U, 5000U}) {
    std::vector<float> values(size);
    for (float& value : values)
      value = std::round(normal(random) * 64) / 1024;
    const std::vector<std::uint64_t> places = {0, size / 4, size / 2, size - 1};
    QuantileSearch search(places);
    while (search.counts() > 0) {
      CHECK(search.counts() <= search.most_counts());
      std::vector<std::uint64_t> counts(search.counts());
      search.gather(values, counts);
      search.conclude(counts);
    }
    std::ranges::sort(values);
    for (std::size_t i = 0; i < places.size(); ++i)
      CHECK(search.quantile(i) == values[places[i]]);
  }
}

TEST_CASE("merge: NaN of any sign comes last among quantiles") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {std::copysign(nan, -1.0F), -1, 2, nan};
  QuantileSearch search({0, 1, 2});
  while (search.counts() > 0) {
    std::vector<std::uint64_t> counts(search.counts());
    search.gather(values, counts);
    search.conclude(counts);
  }
  CHECK(search.quantile(0) == -1);
  CHECK(search.quantile(1) == 2);
  CHECK(std::isnan(search.quantile(2)));
}

}  // namespace
}  // namespace shardwright
