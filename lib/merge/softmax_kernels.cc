// Exponentials and logarithms. Compiled once for each instruction set, as tensor/scan_kernels.cc
// is; polynomials are taken without fused operations, so that all of them agree.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/softmax_kernels.cc"
#include "merge/softmax_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 16;  // of sums, whatever the width of a vector
using Doubles = hn::CappedTag<double, 4>;
using Words = hn::RebindToUnsigned<Doubles>;
using Halves = hn::Rebind<float, Doubles>;
using Vec = hn::Vec<Doubles>;

HWY_INLINE Vec number(double value) {
  return hn::Set(Doubles(), value);
}

// A polynomial in x: `sum` is the highest coefficient, the others follow.
HWY_INLINE Vec polynomial(Vec /*x*/, Vec sum) {
  return sum;
}
template <typename... Rest>
HWY_INLINE Vec polynomial(Vec x, Vec sum, double next, Rest... rest) {
  return polynomial(x, hn::Add(hn::Mul(sum, x), number(next)), rest...);
}

// e^x for x up to 0: 2^k e^r, with r within half of ln 2 and a power series for its exponential.
HWY_INLINE Vec exponential(Vec x) {
  constexpr double kShift = 0x1.8p52;  // leaves a whole number in the low bits
  constexpr double kLn2High = 0x1.62e42fefa0000p-1;
  constexpr double kLn2Low = 0x1.cf79abc9e3b3ap-40;
  const Vec shifted = hn::Add(hn::Mul(x, number(0x1.71547652b82fep0)), number(kShift));
  const Vec k = hn::Sub(shifted, number(kShift));
  const Vec r = hn::Sub(hn::Sub(x, hn::Mul(k, number(kLn2High))), hn::Mul(k, number(kLn2Low)));
  const Vec sum = polynomial(r, number(1.0 / 479001600), 1.0 / 39916800, 1.0 / 3628800,
                             1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
                             1.0 / 6, 1.0 / 2, 1.0, 1.0);
  const auto power = hn::ShiftLeft<52>(hn::BitCast(Words(), shifted));
  const Vec value = hn::BitCast(Doubles(), hn::Add(hn::BitCast(Words(), sum), power));
  const Vec zero_or_value = hn::IfThenZeroElse(hn::Lt(x, number(-700)), value);
  return hn::IfThenElse(hn::Eq(x, x), zero_or_value, x);
}

// ln((1 + s) / (1 - s)) for |s| up to kSmall.
constexpr double kSmall = 0.1716;  // (sqrt(2) - 1) / (sqrt(2) + 1)
HWY_INLINE Vec logarithm_near_one(Vec s) {
  const Vec square = hn::Mul(s, s);
  const Vec sum = polynomial(square, number(1.0 / 21), 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                             1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0);
  return hn::Mul(hn::Add(s, s), sum);
}

// ln x for normal positive x: x = 2^k m with m around 1.
HWY_INLINE Vec logarithm(Vec x) {
  constexpr std::uint64_t kOne = 0x3FF0'0000'0000'0000;
  constexpr std::uint64_t kRootHalf = 0x3FE6'A09E'667F'3BCD;
  constexpr std::uint64_t kMantissa = 0x000F'FFFF'FFFF'FFFF;
  constexpr std::uint64_t kTwo52 = 0x4330'0000'0000'0000;
  const auto moved = hn::Add(hn::BitCast(Words(), x), hn::Set(Words(), kOne - kRootHalf));
  const auto exponent = hn::Or(hn::ShiftRight<52>(moved), hn::Set(Words(), kTwo52));
  const Vec k = hn::Sub(hn::BitCast(Doubles(), exponent), number(0x1p52 + 1023));
  const Vec m = hn::BitCast(
      Doubles(), hn::Add(hn::And(moved, hn::Set(Words(), kMantissa)), hn::Set(Words(), kRootHalf)));
  const Vec s = hn::Div(hn::Sub(m, number(1)), hn::Add(m, number(1)));
  return hn::Add(hn::Mul(k, number(0x1.62e42fefa39efp-1)), logarithm_near_one(s));
}

// ln(p / q). Most are near 1; each element takes the way that it needs, whatever stands beside it.
HWY_INLINE Vec logarithm_of_ratio(Vec p, Vec q) {
  const Vec s = hn::Div(hn::Sub(p, q), hn::Add(p, q));
  const Vec value = logarithm_near_one(s);
  const auto far = hn::Gt(hn::Abs(s), number(kSmall));
  if (HWY_LIKELY(hn::AllFalse(Doubles(), far))) return value;
  return hn::IfThenElse(far, logarithm(hn::Div(p, q)), value);
}

double in_order(const std::array<double, kLanes>& lanes) {
  double total = 0;
  for (const double lane : lanes)
    total += lane;
  return total;
}

// f(first element) for each vector; what it returns is added to the lanes of its place.
template <typename F>
HWY_INLINE double total_of(std::size_t rows, const F& f) {
  const Doubles tag;
  alignas(64) std::array<double, kLanes> lanes{};
  for (std::size_t row = 0; row < rows; row += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; lane += hn::Lanes(tag)) {
      double* home = lanes.data() + lane;
      hn::Store(hn::Add(hn::Load(tag, home), f(row + lane)), tag, home);
    }
  }
  return in_order(lanes);
}

float largest_of(const float* x, std::size_t count) {
  const hn::ScalableTag<float> tag;
  const std::size_t lanes = hn::Lanes(tag);
  auto most = hn::Set(tag, x[0]);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    most = hn::Max(most, hn::LoadU(tag, x + at));
  float largest = hn::GetLane(hn::MaxOfLanes(tag, most));
  for (; at < count; ++at)
    largest = std::max(largest, x[at]);
  return largest;
}

// Writes e^(x - most), with zeros up to a whole row of lanes. Returns their sum.
double exponentials(const float* x, double most, std::size_t count, double* to) {
  const Vec largest = number(most);
  const auto some = [&](const float* from, std::size_t elements, double* out) {
    return total_of(elements, [&](std::size_t at) {
      const Vec value =
          exponential(hn::Sub(hn::PromoteTo(Doubles(), hn::LoadU(Halves(), from + at)), largest));
      hn::StoreU(value, Doubles(), out + at);
      return value;
    });
  };
  const std::size_t whole = count / kLanes * kLanes;
  const double sum = some(x, whole, to);
  if (whole == count) return sum;
  std::array<float, kLanes> rest{};
  rest.fill(-std::numeric_limits<float>::infinity());
  std::copy(x + whole, x + count, rest.begin());
  return sum + some(rest.data(), kLanes, to + whole);
}

std::size_t rounded_up(std::size_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

// From the exponentials of both, one after the other. Where both are zero, behind the last element,
// p / q is 1 and adds nothing.
double total_divergence(const double* room, double p_scale, double q_scale, double floor,
                        std::size_t rows) {
  const Vec p_share = number(p_scale);
  const Vec q_share = number(q_scale);
  return total_of(rows, [&](std::size_t at) {
    const Vec p = hn::Add(hn::Mul(hn::LoadU(Doubles(), room + at), p_share), number(floor));
    const Vec q = hn::Add(hn::Mul(hn::LoadU(Doubles(), room + rows + at), q_share), number(floor));
    return hn::Mul(p, logarithm_of_ratio(p, q));
  });
}

double divergence_of(const float* x, const float* base, double floor, std::size_t count,
                     double* room) {
  const std::size_t rows = rounded_up(count);
  const double p = 1 / exponentials(x, largest_of(x, count), count, room);
  const double q = 1 / exponentials(base, largest_of(base, count), count, room + rows);
  return total_divergence(room, p, q, floor, rows);
}

double divergence_of_part(const float* x, const Softmax& p, const float* base, const Softmax& q,
                          double floor, std::size_t count, double* room) {
  const std::size_t rows = rounded_up(count);
  exponentials(x, p.largest, count, room);
  exponentials(base, q.largest, count, room + rows);
  return total_divergence(room, p.share, q.share, floor, rows);
}

void softmax_of(const float* x, const Softmax& p, float* to, std::size_t count, double* room) {
  const auto most = static_cast<float>(p.largest);
  for (std::size_t i = 0; i < count; ++i)
    to[i] = x[i] - most;
  exponentials(to, 0, count, room);
  const float share = 1 / static_cast<float>(1 / p.share);
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(room[i]) * share;
}

// Whatever x is.
HWY_INLINE Vec any_logarithm(Vec x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Vec zero = hn::Zero(Doubles());
  const Vec finite = hn::IfThenElse(hn::Lt(x, number(kInfinity)), logarithm(x), x);
  const Vec value = hn::IfThenElse(hn::Eq(x, zero), number(-kInfinity), finite);
  return hn::IfThenElse(hn::Lt(x, zero), number(std::numeric_limits<double>::quiet_NaN()), value);
}

void logarithms(const float* a, float* to, std::size_t count) {
  const auto some = [](const float* from, float* out) {
    const Vec value = any_logarithm(hn::PromoteTo(Doubles(), hn::LoadU(Halves(), from)));
    hn::StoreU(hn::DemoteTo(Halves(), value), Halves(), out);
  };
  const std::size_t lanes = hn::Lanes(Doubles());
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    some(a + at, to + at);
  if (at == count) return;
  std::array<float, kLanes> rest{};
  std::copy(a + at, a + count, rest.begin());
  some(rest.data(), rest.data());
  std::copy_n(rest.begin(), count - at, to + at);
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(largest_of);
HWY_EXPORT(exponentials);
HWY_EXPORT(divergence_of);
HWY_EXPORT(divergence_of_part);
HWY_EXPORT(softmax_of);
HWY_EXPORT(logarithms);

namespace {

// For the exponentials of two vectors, rounded up to whole rows of lanes.
double* room_for(std::size_t count) {
  thread_local std::vector<double> room;
  const std::size_t need = 2 * ((count + 15) / 16 * 16);
  if (room.size() < need) room.resize(need);
  return room.data();
}

}  // namespace

double divergence(const float* x, const float* base, double floor, std::size_t count) {
  if (count == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(divergence_of)(x, base, floor, count, room_for(count));
}

float largest(const float* x, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(largest_of)(x, count);
}

double exponential_sum(const float* x, double largest, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(exponentials)(x, largest, count, room_for(count));
}

void softmax(const float* x, const Softmax& p, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(softmax_of)(x, p, to, count, room_for(count));
}

void logarithm(const float* a, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(logarithms)(a, to, count);
}

double divergence_part(const float* x, const Softmax& p, const float* base, const Softmax& q,
                       double floor, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(divergence_of_part)(x, p, base, q, floor, count, room_for(count));
}

}  // namespace shardwright::kernel
#endif
