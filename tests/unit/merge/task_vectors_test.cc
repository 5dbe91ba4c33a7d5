// The family of task arithmetic against straightforward arithmetic in double precision.
#include "merge/task_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "merge/select_kernels.h"
#include "support/merge_run.h"

namespace shardwright {
namespace {

using test::Floats;
using test::MergeSetup;

using Deltas = std::vector<std::vector<double>>;

float sixteen_bits_of(float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xFFFF'0000U);
}

// A base and fine-tunes of it, in numbers of sixteen bits or all bits.
std::vector<Floats> fine_tunes(std::size_t count, std::size_t tasks, bool sixteen_bits) {
  std::mt19937 random(static_cast<std::uint32_t>(count + tasks));
  std::normal_distribution<float> normal;
  std::vector<Floats> inputs(tasks + 1, Floats(count));
  for (std::size_t i = 0; i < count; ++i) {
    const float base = normal(random) * 0.02F;
    for (std::size_t m = 0; m <= tasks; ++m) {
      const float value = m == 0 ? base : base + normal(random) * 1e-3F;
      inputs[m][i] = sixteen_bits ? sixteen_bits_of(value) : value;
    }
  }
  return inputs;
}

Deltas deltas_of(const MergeSetup& setup) {
  Deltas deltas;
  for (std::size_t m = 1; m < setup.inputs.size(); ++m) {
    deltas.emplace_back();
    for (std::size_t i = 0; i < setup.inputs[m].size(); ++i)
      deltas.back().push_back(static_cast<double>(setup.inputs[m][i] - setup.inputs[0][i]));
  }
  return deltas;
}

struct Rules {
  bool consensus{}, normalize{};
  double lambda = 1;
};

std::vector<double> combine(const MergeSetup& setup, const Deltas& deltas,
                            const std::vector<double>& weights, const Rules& rules) {
  std::vector<double> result(setup.inputs[0].begin(), setup.inputs[0].end());
  for (std::size_t i = 0; i < result.size(); ++i) {
    double whole = 0;
    for (std::size_t m = 0; m < deltas.size(); ++m)
      whole += weights[m] * deltas[m][i];
    double sum = 0;
    double divisor = 0;
    for (std::size_t m = 0; m < deltas.size(); ++m) {
      const double v = weights[m] * deltas[m][i];
      if (rules.consensus && (whole >= 0 ? v <= 0 : v >= 0)) continue;
      sum += v;
      divisor += weights[m];
    }
    if (rules.normalize && divisor != 0) sum /= divisor;
    result[i] += rules.lambda * sum;
  }
  return result;
}

// Keeps what stands at ranks [begin, end) from the largest magnitude.
void keep_ranks(std::vector<double>& delta, std::size_t begin, std::size_t end) {
  std::vector<std::size_t> order(delta.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return std::abs(delta[a]) > std::abs(delta[b]); });
  for (std::size_t place = 0; place < order.size(); ++place) {
    if (place < begin || place >= end) delta[order[place]] = 0;
  }
}

// Differences are told in floats of the result: it is rounded once.
void check_near(const Floats& result, const std::vector<double>& truth) {
  REQUIRE(result.size() == truth.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < result.size(); ++i)
    wrong += std::abs(result[i] - truth[i]) > 1.2e-7 * std::abs(truth[i]) + 1e-12 ? 1U : 0U;
  CHECK(wrong == 0);
}

void check_orders(const MergeSetup& setup, const Floats& result) {
  CHECK(run_merge(setup, {.threads = 4, .shuffle = 3}) == result);
}

constexpr std::size_t kTaskCounts[] = {0, 1, 2, 100, 4096, 16'385, 300'001};

TEST_CASE("merge: task_arithmetic adds weighted differences") {
  for (const std::size_t count : kTaskCounts) {
    for (const std::size_t tasks : {0U, 1U, 3U}) {
      MergeSetup setup{.method = "task_arithmetic", .inputs = fine_tunes(count, tasks, false)};
      setup.base = 0;
      const std::vector<double> weights = {0.7, -0.3, 0.25};
      setup.values = {{}, {0.7}, {-0.3}, {0.25}};
      setup.values.resize(tasks + 1);
      for (const bool normalize : {false, true}) {
        setup.globals = {0, normalize ? 1.0 : 0.0, 0, 1.5};
        const Floats result = run_merge(setup);
        check_near(result, combine(setup, deltas_of(setup), weights,
                                   {.normalize = normalize, .lambda = 1.5}));
        check_orders(setup, result);
        CHECK(test::count_passes(setup) == 0);
      }
    }
  }
}

TEST_CASE("merge: the base may stand anywhere among the inputs") {
  MergeSetup setup{.method = "ties", .inputs = fine_tunes(5000, 2, true)};
  setup.base = 0;
  setup.values = {{}, {1, 0.5}, {0.5, 0.3}};
  const Floats result = run_merge(setup);
  std::rotate(setup.inputs.begin(), setup.inputs.begin() + 1, setup.inputs.end());
  setup.base = 2;
  setup.values = {{1, 0.5}, {0.5, 0.3}, {}};
  CHECK(run_merge(setup) == result);
}

TEST_CASE("merge: ties keeps the largest, and of those the sign of most") {
  for (const std::size_t count : kTaskCounts) {
    for (const bool sixteen_bits : {true, false}) {
      MergeSetup setup{.method = "ties", .inputs = fine_tunes(count, 3, sixteen_bits)};
      setup.base = 0;
      const std::vector<double> densities = {0.5, 0.2, 1.0};
      // Sums with these weights are exact, so that no sign hangs on the order of adding.
      setup.values = {{}, {0.75, 0.5}, {0.25, 0.2}, {0.375, 1.0}};
      Deltas deltas = deltas_of(setup);
      for (std::size_t m = 0; m < 3; ++m) {
        const auto share = densities[m] * static_cast<double>(count);
        keep_ranks(deltas[m], 0, std::max<std::size_t>(1, static_cast<std::size_t>(share)));
      }
      const Floats result = run_merge(setup);
      check_near(result, combine(setup, deltas, {0.75, 0.25, 0.375},
                                 {.consensus = true, .normalize = true}));
      check_orders(setup, result);
      CHECK(test::count_passes(setup) <= 2);
      setup.globals = {0, 0, 0, 0.5};
      check_near(run_merge(setup),
                 combine(setup, deltas, {0.75, 0.25, 0.375}, {.consensus = true, .lambda = 0.5}));
    }
  }
}

TEST_CASE("merge: ties with densities of all and nothing") {
  MergeSetup setup{.method = "ties", .inputs = fine_tunes(50'000, 2, true)};
  setup.base = 0;
  setup.values = {{}, {1, 0}, {1, 0}};
  CHECK(run_merge(setup) == setup.inputs[0]);
  setup.values = {{}, {1, 1}, {1, 1}};
  check_near(run_merge(setup),
             combine(setup, deltas_of(setup), {1, 1}, {.consensus = true, .normalize = true}));
  CHECK(test::count_passes(setup) == 0);
  setup.inputs[1] = setup.inputs[2] = setup.inputs[0];
  setup.values = {{}, {1, 0.5}, {1, 0.5}};
  CHECK(run_merge(setup) == setup.inputs[0]);
}

TEST_CASE("merge: rescale brings back the sum of magnitudes") {
  MergeSetup setup{.method = "ties", .inputs = fine_tunes(50'000, 1, false)};
  setup.base = 0;
  setup.values = {{}, {1, 0.3}};
  setup.globals = {0, 0, 1};
  const Floats result = run_merge(setup);
  check_orders(setup, result);
  Deltas deltas = deltas_of(setup);
  const auto sum = [&] {
    return std::accumulate(deltas[0].begin(), deltas[0].end(), 0.0,
                           [](double total, double value) { return total + std::abs(value); });
  };
  const double whole = sum();
  keep_ranks(deltas[0], 0, 15'000);
  const double ratio = whole / sum();
  check_near(result, combine(setup, deltas, {ratio}, {.consensus = true}));
}

TEST_CASE("merge: breadcrumbs drops the largest and the smallest") {
  for (const std::string_view method : {"breadcrumbs", "breadcrumbs_ties"}) {
    for (const std::size_t count : kTaskCounts) {
      for (const bool sixteen_bits : {true, false}) {
        MergeSetup setup{.method = method, .inputs = fine_tunes(count, 2, sixteen_bits)};
        setup.base = 0;
        setup.values = {{}, {0.6, 0.5, 0.1}, {0.8, 0.95, 0.2}};  // 0.2 is more than is left of many
        Deltas deltas = deltas_of(setup);
        const auto part = [&](double share) {
          return static_cast<std::size_t>(share * static_cast<double>(count));
        };
        keep_ranks(deltas[0], part(0.1), part(0.1) + part(0.5));
        const std::size_t above = std::min(part(0.2), count - part(0.95));
        keep_ranks(deltas[1], above, above + part(0.95));
        const Floats result = run_merge(setup);
        check_near(result,
                   combine(setup, deltas, {0.6, 0.8}, {.consensus = method == "breadcrumbs_ties"}));
        check_orders(setup, result);
        CHECK(test::count_passes(setup) <= 2);
      }
    }
  }
}

TEST_CASE("merge: a gamma of 0 drops none of the largest") {
  MergeSetup setup{.method = "breadcrumbs", .inputs = fine_tunes(60, 1, true)};
  setup.base = 0;
  setup.values = {{}, {1, 0.5, 0}};
  Deltas deltas = deltas_of(setup);
  keep_ranks(deltas[0], 0, 30);
  check_near(run_merge(setup), combine(setup, deltas, {1}, {}));
}

// Which elements of the result differ from the base.
std::vector<bool> changed(const MergeSetup& setup, const Floats& result) {
  std::vector<bool> mask;
  for (std::size_t i = 0; i < result.size(); ++i)
    mask.push_back(result[i] != setup.inputs[0][i]);
  return mask;
}

TEST_CASE("merge: dare keeps a random share and makes it larger") {
  for (const std::string_view method : {"dare_linear", "dare_ties"}) {
    MergeSetup setup{.method = method, .inputs = fine_tunes(200'000, 1, true)};
    setup.base = 0;
    setup.values = {{}, {1, 0.3}};
    setup.seed = 5;
    const Floats result = run_merge(setup);
    check_orders(setup, result);
    const auto mask = changed(setup, result);
    Deltas deltas = deltas_of(setup);
    double whole = 0;
    double kept = 0;
    std::size_t nonzero = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      whole += std::abs(deltas[0][i]);
      nonzero += deltas[0][i] != 0 ? 1U : 0U;
      if (!mask[i]) deltas[0][i] = 0;
      kept += std::abs(deltas[0][i]);
    }
    const auto count = static_cast<double>(std::ranges::count(mask, true));
    const auto all = static_cast<double>(nonzero);
    CHECK(std::abs(count - 0.3 * all) < 5 * std::sqrt(all * 0.21));
    check_near(result, combine(setup, deltas, {whole / kept}, {}));
    setup.seed = 6;
    CHECK(run_merge(setup) != result);
    setup.values = {{}, {1, 1}};
    check_near(run_merge(setup), combine(setup, deltas_of(setup), {1}, {}));
    CHECK(test::count_passes(setup) == 0);
    setup.values = {{}, {1, 0}};
    CHECK(run_merge(setup) == setup.inputs[0]);
  }
}

TEST_CASE("merge: two models are not thinned alike") {
  MergeSetup setup{.method = "dare_linear", .inputs = fine_tunes(20'000, 1, true)};
  setup.inputs.push_back(setup.inputs[1]);
  setup.base = 0;
  setup.values = {{}, {1, 0.5}, {-1, 0.5}};
  setup.globals = {0, 0, 0};
  const auto mask = changed(setup, run_merge(setup));
  const auto differ = static_cast<double>(std::ranges::count(mask, true));
  CHECK(differ > 8'000);
  CHECK(differ < 11'000);
}

TEST_CASE("merge: della keeps large magnitudes of a row more often than small ones") {
  constexpr std::size_t kRows = 500;
  constexpr std::size_t kLength = 600;
  for (const std::string_view method : {"della", "della_linear"}) {
    MergeSetup setup{.method = method, .shape = {kRows, kLength}};
    setup.inputs = fine_tunes(kRows * kLength, 1, false);
    setup.base = 0;
    setup.values = {{}, {1, 0.5, 0.3}};
    const Floats result = run_merge(setup);
    check_orders(setup, result);
    CHECK(test::count_passes(setup) == 1);
    const auto mask = changed(setup, result);
    const Deltas deltas = deltas_of(setup);
    std::vector<double> kept(10);  // by tenth of the row
    for (std::size_t row = 0; row < kRows; ++row) {
      std::vector<std::size_t> order(kLength);
      std::iota(order.begin(), order.end(), row * kLength);
      std::ranges::sort(order, {}, [&](std::size_t i) { return std::abs(deltas[0][i]); });
      for (std::size_t place = 0; place < kLength; ++place)
        kept[place * 10 / kLength] += mask[order[place]] ? 1 : 0;
    }
    constexpr double kEach = kRows * kLength / 10.0;
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
      const double chance = 0.2 + 0.6 * (static_cast<double>(tenth) + 0.5) / 10;
      CHECK(std::abs(kept[tenth] - kEach * chance) < 5 * std::sqrt(kEach * 0.25));
    }
  }
}

TEST_CASE("merge: with a dtype to round to, della ranks equal magnitudes as torch's sort does") {
  MergeSetup setup{.method = "della_linear", .inputs = {Floats(24), Floats(24)}};
  for (std::size_t i = 0; i < 24; ++i)
    setup.inputs[1][i] = i % 2 == 0 ? 2 : 1;
  setup.base = 0;
  setup.globals = {0, 0, 0, 1};
  setup.values = {{}, {1, 0.5, 0.45}};
  setup.seed = 7;
  setup.round_to = DType::kBF16;
  // From torch 2.13; a stable order would keep elements 16, 20 and 21, and not 0, 2 and 5.
  CHECK(run_merge(setup) == Floats{2, 0, 2, 0, 2, 1, 2, 0, 2, 0, 0, 0,  //
                                   2, 1, 2, 0, 0, 1, 0, 1, 0, 0, 2, 0});
}

TEST_CASE("merge: della takes rows of any length") {
  for (const std::vector<std::uint64_t>& shape : std::vector<std::vector<std::uint64_t>>{
           {300, 1}, {1, 300}, {1}, {0}, {0, 5}, {5, 0}, {}, {3, 7, 11}, {3, 70'000}, {700'000}}) {
    const std::uint64_t count =
        std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies{});
    MergeSetup setup{.method = "della", .shape = shape, .inputs = fine_tunes(count, 1, true)};
    setup.base = 0;
    setup.values = {{}, {1, 0.5, 0.5}};
    const Floats result = run_merge(setup);
    CHECK(result.size() == count);
    check_orders(setup, result);
    const auto kept = std::ranges::count(changed(setup, result), true);
    const auto all = static_cast<double>(count);
    CHECK(std::abs(static_cast<double>(kept) - 0.5 * all) <= 5 * std::sqrt(all) + 0.05 * all);
  }
}

TEST_CASE("merge: della refuses chances below 0 or above 1") {
  MergeSetup setup{.method = "della", .inputs = fine_tunes(10, 1, true)};
  setup.base = 0;
  setup.values = {{}, {1, 0.1, 0.2}};
  const auto refused = test::make_program(setup);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().message ==
        "epsilon: 0.2 around the density 0.1 leaves the range from 0 to 1");
  setup.values = {{}, {1, 0.85, 0.15}};
  CHECK(test::make_program(setup).has_value());
  setup.values = {{}, {1, 1, 0.2}};
  CHECK(test::make_program(setup).has_value());
}

TEST_CASE("merge: sce selects by variance, weighs by energy, erases the minority") {
  for (const std::size_t count : {1U, 100U, 16'385U, 100'000U}) {
    for (const double share : {1.0, 0.4, 0.0}) {
      MergeSetup setup{.method = "sce", .inputs = fine_tunes(count, 3, false)};
      setup.base = 0;
      setup.globals = {0, share};
      Deltas deltas = deltas_of(setup);
      std::vector<double> variance;
      for (std::size_t i = 0; i < count; ++i) {
        const double mean = (deltas[0][i] + deltas[1][i] + deltas[2][i]) / 3;
        double sum = 0;
        for (const auto& delta : deltas)
          sum += (delta[i] - mean) * (delta[i] - mean);
        variance.push_back(static_cast<double>(static_cast<float>(sum / 3)));
      }
      const auto nonzero =
          static_cast<double>(std::ranges::count_if(variance, [](double v) { return v > 0; }));
      if (share < 1) keep_ranks(variance, 0, static_cast<std::size_t>(nonzero * share));
      std::vector<double> energy;
      for (auto& delta : deltas) {
        for (std::size_t i = 0; i < count; ++i)
          delta[i] = share < 1 && variance[i] == 0 ? 0 : delta[i];
        energy.push_back(std::inner_product(delta.begin(), delta.end(), delta.begin(), 0.0));
      }
      std::vector<double> truth(setup.inputs[0].begin(), setup.inputs[0].end());
      for (std::size_t i = 0; i < count; ++i) {
        const double vote = deltas[0][i] + deltas[1][i] + deltas[2][i];
        double sum = 0;
        double divisor = 0;
        for (std::size_t m = 0; m < 3; ++m) {
          if (vote >= 0 ? deltas[m][i] <= 0 : deltas[m][i] >= 0) continue;
          sum += energy[m] * deltas[m][i];
          divisor += energy[m];
        }
        if (divisor > 0) truth[i] += sum / divisor;
      }
      const Floats result = run_merge(setup);
      check_near(result, truth);
      check_orders(setup, result);
    }
  }
}

TEST_CASE("merge: NaN of an input is not lost") {
  for (const std::string_view method :
       {"task_arithmetic", "ties", "dare_linear", "breadcrumbs_ties", "della", "sce"}) {
    for (const auto round_to : {std::optional<DType>(), std::optional(DType::kBF16)}) {
      MergeSetup setup{.method = method, .inputs = fine_tunes(3000, 2, true), .round_to = round_to};
      setup.base = 0;
      if (method != "sce") setup.values = {{}, {1}, {1}};
      setup.inputs[2][1234] = std::numeric_limits<float>::quiet_NaN();
      const Floats result = run_merge(setup);
      CHECK(std::isnan(result[1234]));
      CHECK(std::ranges::count_if(result, [](float v) { return std::isnan(v); }) == 1);
    }
  }
}

}  // namespace
}  // namespace shardwright
