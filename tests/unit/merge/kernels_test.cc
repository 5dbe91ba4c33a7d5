#include "merge/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <hwy/highway.h>

#include "merge/softmax_kernels.h"
#include "support/element.h"
#include "tensor/convert.h"

namespace shardwright {
namespace {

constexpr DType kAll[] = {DType::kF32, DType::kF16,    DType::kBF16,
                          DType::kF64, DType::kF8E4M3, DType::kF8E5M2};

std::size_t width_of(DType dtype) {
  return dtype_bits(dtype) / 8;
}

// Runs `f` once with each instruction set that this machine has.
void on_every_target(const std::function<void()>& f) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    const std::string name = hwy::TargetName(target);
    CAPTURE(name);
    hwy::GetChosenTarget().Update(target);
    f();
  }
  hwy::GetChosenTarget().DeInit();
}

std::vector<float> decoded(DType dtype, const std::vector<std::byte>& bytes) {
  std::vector<float> floats(bytes.size() / width_of(dtype));
  kernel::decode(dtype, bytes, floats.data());
  return floats;
}

Bytes element(DType dtype, const std::vector<std::byte>& bytes, std::size_t i) {
  return Bytes(bytes).subspan(i * width_of(dtype), width_of(dtype));
}

std::uint64_t encoded(DType dtype, const std::vector<std::byte>& bytes, std::size_t i) {
  std::uint64_t code = 0;
  std::memcpy(&code, bytes.data() + i * width_of(dtype), width_of(dtype));
  return code;
}

std::vector<std::byte> encode_all(DType dtype, const std::vector<float>& floats) {
  std::vector<std::byte> bytes(floats.size() * width_of(dtype));
  kernel::encode(dtype, floats.data(), floats.size(), bytes.data());
  return bytes;
}

// Every exponent and sign, with mantissas at and around each place where rounding turns.
std::vector<float> hard_floats() {
  std::vector<float> floats;
  for (std::uint32_t high = 0; high < 512; ++high) {
    for (const std::uint32_t shift : {13U, 16U, 20U, 21U}) {
      for (std::uint32_t upper = 0; upper < (1U << (23 - shift)) && upper < 16; ++upper) {
        const std::uint32_t half = 1U << (shift - 1);
        for (const std::uint32_t low : {0U, 1U, half - 1, half, half + 1, 2 * half - 1})
          floats.push_back(std::bit_cast<float>(high << 23U | upper << shift | low));
      }
    }
  }
  std::mt19937 random(3);
  for (int i = 0; i < 50'001; ++i)
    floats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  return floats;
}

// What encode() promises, by the encoder of the fixtures.
std::uint64_t expected_code(DType dtype, float value) {
  if (dtype == DType::kBF16) return bf16_from_f32(value);
  if (dtype == DType::kF16) return f16_from_f32(value);
  if (std::isfinite(value)) {
    if (dtype == DType::kF8E4M3) value = std::clamp(value, -448.0F, 448.0F);
    if (dtype == DType::kF8E5M2) value = std::clamp(value, -57344.0F, 57344.0F);
  }
  return test::element_bits(dtype, value);
}

float quiet(float value) {
  return std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace

TEST_CASE("merge: every code of a narrow float survives decoding and encoding") {
  on_every_target([] {
    for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF8E4M3, DType::kF8E5M2}) {
      CAPTURE(dtype_name(dtype));
      std::vector<std::byte> bytes;
      const std::size_t codes = std::size_t{1} << dtype_bits(dtype);
      bytes.resize(codes * width_of(dtype));
      for (std::size_t code = 0; code < codes; ++code)
        std::memcpy(bytes.data() + code * width_of(dtype), &code, width_of(dtype));
      const std::vector<float> floats = decoded(dtype, bytes);
      const std::vector<std::byte> back = encode_all(dtype, floats);
      std::size_t wrong = 0;
      std::size_t nan = 0;
      for (std::size_t code = 0; code < codes; ++code) {
        if (std::isnan(floats[code])) {
          ++nan;
          float again = 0;
          kernel::decode(dtype, element(dtype, back, code), &again);
          if (!std::isnan(again)) ++wrong;
        } else {
          if (!(encoded(dtype, back, code) == code &&
                test::element_bits(dtype, static_cast<double>(floats[code])) == code))
            ++wrong;
        }
      }
      CHECK(wrong == 0);
      CHECK(nan == (dtype == DType::kF16      ? 2046U
                    : dtype == DType::kBF16   ? 254U
                    : dtype == DType::kF8E4M3 ? 2U
                                              : 6U));
    }
  });
}

TEST_CASE("merge: encoding rounds to the nearest, ties to even") {
  const std::vector<float> floats = hard_floats();
  on_every_target([&] {
    for (const DType dtype : kAll) {
      CAPTURE(dtype_name(dtype));
      const std::vector<std::byte> bytes = encode_all(dtype, floats);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < floats.size(); ++i) {
        if (std::isnan(floats[i]) || (std::isinf(floats[i]) && dtype == DType::kF8E4M3)) {
          float again = 0;
          kernel::decode(dtype, element(dtype, bytes, i), &again);
          if (!std::isnan(again)) ++wrong;
        } else {
          if (!(encoded(dtype, bytes, i) == expected_code(dtype, floats[i]))) ++wrong;
        }
      }
      CHECK(wrong == 0);

      std::vector<float> rounded = floats;
      kernel::round_to(dtype, rounded.data(), rounded.size());
      std::vector<float> expected = decoded(dtype, bytes);
      for (std::vector<float>* list : {&rounded, &expected}) {
        for (float& value : *list)
          value = quiet(value);
      }
      CHECK(same_bits(rounded, expected));
    }
  });
}

TEST_CASE("merge: F64 is rounded once to the nearest float") {
  std::vector<double> doubles = {1.0 + 0x1p-24, 1.0 + 0x1p-24 + 0x1p-50, 1e300, -1e-300, 0x1p-149};
  std::vector<std::byte> bytes(doubles.size() * 8);
  std::memcpy(bytes.data(), doubles.data(), bytes.size());
  CHECK(decoded(DType::kF64, bytes) ==
        std::vector<float>{1.0F, 1.0F + 0x1p-23F, INFINITY, -0.0F, 0x1p-149F});
}

TEST_CASE("merge: kernels are plain arithmetic on every target and any count") {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  on_every_target([&] {
    for (const std::size_t count : {0U, 1U, 3U, 15U, 16U, 17U, 33U, 1000U, 4097U}) {
      CAPTURE(count);
      std::vector<float> a(count);
      std::vector<float> b(count);
      for (std::size_t i = 0; i < count; ++i) {
        a[i] = normal(random);
        b[i] = normal(random) * 100;
      }
      using Two = void (*)(const float*, const float*, float*, std::size_t);
      struct Row {
        Two kernel;
        float (*scalar)(float, float);
      };
      for (const Row& row : {Row{kernel::add, [](float x, float y) { return x + y; }},
                             Row{kernel::subtract, [](float x, float y) { return x - y; }},
                             Row{kernel::multiply, [](float x, float y) { return x * y; }},
                             Row{kernel::divide, [](float x, float y) { return x / y; }}}) {
        std::vector<float> expected(count);
        for (std::size_t i = 0; i < count; ++i)
          expected[i] = row.scalar(a[i], b[i]);
        std::vector<float> to(count);
        row.kernel(a.data(), b.data(), to.data(), count);
        CHECK(same_bits(to, expected));
        std::vector<float> in_place = b;
        row.kernel(a.data(), in_place.data(), in_place.data(), count);
        CHECK(same_bits(in_place, expected));
      }

      std::vector<float> scaled(count);
      std::vector<float> divided(count);
      std::vector<float> blended(count);
      std::vector<float> added = b;
      std::vector<float> fused(count);
      const std::vector<const float*> both = {b.data(), a.data()};
      kernel::weighted_sum(both, std::vector{0.7F, 0.3F}, fused.data(), count);
      kernel::scale(a.data(), 0.3F, scaled.data(), count);
      kernel::divide_by(a.data(), 0.3F, divided.data(), count);
      kernel::blend(a.data(), 0.3F, b.data(), 0.7F, blended.data(), count);
      kernel::add_scaled(a.data(), 0.3F, added.data(), count);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < count; ++i) {
        // Through memory, so that this compiler fuses nothing.
        volatile float x = a[i] * 0.3F;
        volatile float y = b[i] * 0.7F;
        if (!(scaled[i] == x && divided[i] == a[i] / 0.3F && blended[i] == x + y &&
              fused[i] == std::fma(a[i], 0.3F, y) && added[i] == b[i] + x))
          ++wrong;
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("merge: sums are the same sixteen lanes on every target") {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (const std::size_t count : {0U, 1U, 15U, 16U, 31U, 4096U, 4097U, 100'000U}) {
    CAPTURE(count);
    std::vector<float> a(count);
    std::vector<float> b(count);
    for (std::size_t i = 0; i < count; ++i) {
      a[i] = normal(random);
      b[i] = normal(random) * 100;
    }
    const auto lanes = [&](const std::function<double(double, double)>& term) {
      std::vector<double> sums(16);
      for (std::size_t i = 0; i < count; ++i)
        sums[i % 16] += term(static_cast<double>(a[i]), static_cast<double>(b[i]));
      double total = 0;
      for (const double sum : sums)
        total += sum;
      return total;
    };
    on_every_target([&] {
      CHECK(kernel::sum(a.data(), count) == lanes([](double x, double) { return x; }));
      CHECK(kernel::sum_abs(a.data(), count) ==
            lanes([](double x, double) { return std::abs(x); }));
      CHECK(kernel::sum_squares(a.data(), count) == lanes([](double x, double) { return x * x; }));
      const double dot = lanes([](double x, double y) { return x * y; });
      CHECK(kernel::dot(a.data(), b.data(), count) == dot);
      const kernel::Products products = kernel::products(a.data(), b.data(), count);
      CHECK(products.aa == lanes([](double x, double) { return x * x; }));
      CHECK(products.ab == dot);
      CHECK(products.bb == lanes([](double, double y) { return y * y; }));
    });
  }
}

TEST_CASE("merge: the divergence of distributions is the same on every target") {
  std::mt19937 random(8);
  for (const float spread : {0.001F, 1.0F, 300.0F}) {
    std::normal_distribution<float> normal(0, spread);
    for (const std::size_t count : {1U, 15U, 16U, 4097U}) {
      std::vector<float> x(count);
      std::vector<float> base(count);
      for (std::size_t i = 0; i < count; ++i) {
        x[i] = normal(random);
        base[i] = x[i] + normal(random) / 4;
      }
      const auto softmax = [count](const std::vector<float>& values) {
        const double most = static_cast<double>(*std::ranges::max_element(values));
        std::vector<double> p(count);
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i)
          sum += p[i] = std::exp(static_cast<double>(values[i]) - most);
        for (double& value : p)
          value = value / sum + 1e-8;
        return p;
      };
      const auto p = softmax(x);
      const auto q = softmax(base);
      double expected = 0;
      for (std::size_t i = 0; i < count; ++i)
        expected += p[i] * std::log(p[i] / q[i]);
      const double first = kernel::divergence(x.data(), base.data(), 1e-8, count);
      CHECK(std::abs(first - expected) <= 1e-13 + 1e-13 * expected);
      on_every_target(
          [&] { CHECK(kernel::divergence(x.data(), base.data(), 1e-8, count) == first); });
      base[count / 2] = std::numeric_limits<float>::quiet_NaN();
      on_every_target([&] {
        CHECK(std::isnan(kernel::divergence(x.data(), base.data(), 1e-8, count)));
        CHECK(std::isnan(kernel::divergence(base.data(), x.data(), 1e-8, count)));
      });
    }
  }
}

TEST_CASE("kernels: logarithms and softmax are the library's, rounded once or thrice") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0,    1, kInfinity, -1, std::numeric_limits<float>::denorm_min(),
                               3e38F};
  for (int i = 0; i < 40; ++i)
    values.push_back(std::exp(static_cast<float>(i - 20)) * 1.01F);
  std::vector<float> logarithms(values.size());
  kernel::logarithm(values.data(), logarithms.data(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto expected = static_cast<float>(std::log(static_cast<double>(values[i])));
    CAPTURE(values[i]);
    if (std::isnan(expected)) {
      CHECK(std::isnan(logarithms[i]));
    } else {
      CHECK(logarithms[i] == expected);
    }
  }
  const std::vector<float> x = {0.5F, -3, 2, 1.25F, 0};
  const double sum = kernel::exponential_sum(x.data(), 2, x.size());
  std::vector<float> shares(x.size());
  kernel::softmax(x.data(), {.largest = 2, .share = 1 / sum}, shares.data(), x.size());
  const float share = 1 / static_cast<float>(sum);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(shares[i] == static_cast<float>(std::exp(static_cast<double>(x[i] - 2))) * share);
}

}  // namespace shardwright
