#include "job/synth_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include "tensor/scan.h"

namespace shardwright {
namespace {

std::vector<std::byte> values(const ValueStream& stream, std::uint64_t bytes) {
  std::vector<std::byte> out(bytes);
  fill_values(stream, 0, out);
  return out;
}

std::vector<float> floats(ValueKind kind, std::uint64_t count) {
  const ValueStream stream{.key = value_key(1, "a"), .kind = kind, .dtype = DType::kF32};
  std::vector<float> out(count);
  fill_values(stream, 0, std::as_writable_bytes(std::span(out)));
  return out;
}

struct Moments {
  double mean{}, deviation{};
};

Moments moments(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const float value : values)
    squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};
}

}  // namespace

TEST_CASE("job: made weights are the same in any parts") {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3}) {
    const ValueStream stream{.key = value_key(5, "w"), .dtype = dtype};
    const auto whole = values(stream, 4096);
    for (const std::uint64_t cut : {1U, 3U, 4U, 7U, 1000U}) {
      std::vector<std::byte> parts(4096);
      for (std::uint64_t from = 0; from < 4096; from += cut) {
        fill_values(stream, from,
                    std::span(parts).subspan(from, std::min<std::uint64_t>(cut, 4096 - from)));
      }
      CHECK(parts == whole);
    }
  }
}

TEST_CASE("job: made weights look like weights") {
  const Moments weights = moments(floats(ValueKind::kWeight, 100'000));
  CHECK(std::abs(weights.mean) < 0.001);
  CHECK(std::abs(weights.deviation - 0.02) < 0.001);
  const Moments norms = moments(floats(ValueKind::kNorm, 100'000));
  CHECK(std::abs(norms.mean - 1.0) < 0.001);
  CHECK(std::abs(norms.deviation - 0.02) < 0.001);
  const auto scales = floats(ValueKind::kScale, 100'000);
  CHECK(std::ranges::min(scales) >= 0.0005F);
  CHECK(std::ranges::max(scales) < 0.0015F);
  CHECK(std::abs(moments(scales).mean - 0.001) < 0.00001);

  ScanResult result;
  scan(DType::kF8E4M3, values({.key = 7, .dtype = DType::kF8E4M3}, 100'000), result);
  CHECK(result.nan == 0);
  CHECK_FALSE(result.constant);
}

TEST_CASE("job: made weights depend on seed and name, and are the same on every machine") {
  const auto first = [](std::uint64_t seed, std::string_view name) {
    const auto bytes = values({.key = value_key(seed, name), .dtype = DType::kF32}, 4);
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes.data(), 4);
    return bits;
  };
  CHECK(first(0, "a") != first(1, "a"));
  CHECK(first(0, "a") != first(0, "b"));
  CHECK(first(0, "model.norm.weight") == 3143639196U);
  CHECK(first(42, "") == 984102783U);
}

}  // namespace shardwright
