// Arithmetic and sums. Compiled once for each instruction set, as tensor/scan_kernels.cc is.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels.cc"
#include "merge/kernels.h"

#include <array>
#include <cmath>
#include <cstring>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "merge/fused-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(float);

// to[i] = f(a[i]). The rest that fills no vector goes through one of its own.
template <typename F>
HWY_INLINE void map(const float* a, float* to, std::size_t count, const F& f) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(f(hn::LoadU(tag, a + at)), tag, to + at);
  if (at == count) return;
  HWY_ALIGN std::array<float, kMostLanes> rest{};
  std::memcpy(rest.data(), a + at, (count - at) * sizeof(float));
  hn::Store(f(hn::Load(tag, rest.data())), tag, rest.data());
  std::memcpy(to + at, rest.data(), (count - at) * sizeof(float));
}

// to[i] = f(a[i], b[i]).
template <typename F>
HWY_INLINE void map(const float* a, const float* b, float* to, std::size_t count, const F& f) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(f(hn::LoadU(tag, a + at), hn::LoadU(tag, b + at)), tag, to + at);
  if (at == count) return;
  HWY_ALIGN std::array<float, kMostLanes> rest_a{};
  HWY_ALIGN std::array<float, kMostLanes> rest_b{};
  std::memcpy(rest_a.data(), a + at, (count - at) * sizeof(float));
  std::memcpy(rest_b.data(), b + at, (count - at) * sizeof(float));
  hn::Store(f(hn::Load(tag, rest_a.data()), hn::Load(tag, rest_b.data())), tag, rest_a.data());
  std::memcpy(to + at, rest_a.data(), (count - at) * sizeof(float));
}

void add_all(const float* a, const float* b, float* to, std::size_t count) {
  map(a, b, to, count, [](auto x, auto y) { return hn::Add(x, y); });
}

void subtract_all(const float* a, const float* b, float* to, std::size_t count) {
  map(a, b, to, count, [](auto x, auto y) { return hn::Sub(x, y); });
}

void multiply_all(const float* a, const float* b, float* to, std::size_t count) {
  map(a, b, to, count, [](auto x, auto y) { return hn::Mul(x, y); });
}

void divide_all(const float* a, const float* b, float* to, std::size_t count) {
  map(a, b, to, count, [](auto x, auto y) { return hn::Div(x, y); });
}

void scale_all(const float* a, float factor, float* to, std::size_t count) {
  const auto f = hn::Set(Floats(), factor);
  map(a, to, count, [f](auto x) { return hn::Mul(x, f); });
}

void divide_all_by(const float* a, float divisor, float* to, std::size_t count) {
  const auto d = hn::Set(Floats(), divisor);
  map(a, to, count, [d](auto x) { return hn::Div(x, d); });
}

void add_all_scaled(const float* a, float factor, float* to, std::size_t count) {
  const auto f = hn::Set(Floats(), factor);
  map(to, a, to, count, [f](auto sum, auto x) { return hn::Add(sum, hn::Mul(x, f)); });
}

void all_weighted(std::span<const float* const> inputs, std::span<const float> factors, float* to,
                  std::size_t count) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + 2 * lanes <= count; at += 2 * lanes) {
    auto factor = hn::Set(tag, factors[0]);
    auto s0 = hn::Mul(hn::LoadU(tag, inputs[0] + at), factor);
    auto s1 = hn::Mul(hn::LoadU(tag, inputs[0] + at + lanes), factor);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      factor = hn::Set(tag, factors[i]);
      s0 = fused(tag, hn::LoadU(tag, inputs[i] + at), factor, s0);
      s1 = fused(tag, hn::LoadU(tag, inputs[i] + at + lanes), factor, s1);
    }
    hn::StoreU(s0, tag, to + at);
    hn::StoreU(s1, tag, to + at + lanes);
  }
  for (; at < count; ++at) {
    float sum = inputs[0][at] * factors[0];
    for (std::size_t i = 1; i < inputs.size(); ++i)
      sum = std::fma(inputs[i][at], factors[i], sum);
    to[at] = sum;
  }
}

void blend_all(const float* a, float x, const float* b, float y, float* to, std::size_t count) {
  const auto fx = hn::Set(Floats(), x);
  const auto fy = hn::Set(Floats(), y);
  map(a, b, to, count,
      [fx, fy](auto u, auto v) { return hn::Add(hn::Mul(u, fx), hn::Mul(v, fy)); });
}

void absolute_all(const float* a, float* to, std::size_t count) {
  map(a, to, count, [](auto x) { return hn::Abs(x); });
}

void divide_all_into(float x, const float* a, float* to, std::size_t count) {
  const auto dividend = hn::Set(Floats(), x);
  map(a, to, count, [dividend](auto divisor) { return hn::Div(dividend, divisor); });
}

void subtract_all_from(float x, const float* a, float* to, std::size_t count) {
  const auto minuend = hn::Set(Floats(), x);
  map(a, to, count, [minuend](auto y) { return hn::Sub(minuend, y); });
}

// Compared, not Min or Max: those lose a NaN on some machines.
void all_at_least(const float* a, float least, float* to, std::size_t count) {
  const auto bound = hn::Set(Floats(), least);
  map(a, to, count, [bound](auto x) { return hn::IfThenElse(hn::Lt(x, bound), bound, x); });
}

void all_at_most(const float* a, float most, float* to, std::size_t count) {
  const auto bound = hn::Set(Floats(), most);
  map(a, to, count, [bound](auto x) { return hn::IfThenElse(hn::Gt(x, bound), bound, x); });
}

void all_above(const float* a, float threshold, float* to, std::size_t count) {
  const auto bound = hn::Set(Floats(), threshold);
  const auto one = hn::Set(Floats(), 1.0F);
  map(a, to, count,
      [bound, one](auto x) { return hn::IfThenElseZero(hn::Gt(hn::Abs(x), bound), one); });
}

void choose_all_not_below(const float* a, float threshold, const float* yes, const float* no,
                          float* to, std::size_t count) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto bound = hn::Set(tag, threshold);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes) {
    const auto x = hn::LoadU(tag, a + at);
    const auto low = hn::IfThenElse(hn::Lt(x, bound), hn::LoadU(tag, no + at), x);
    hn::StoreU(hn::IfThenElse(hn::Ge(x, bound), hn::LoadU(tag, yes + at), low), tag, to + at);
  }
  for (; at < count; ++at)
    to[at] = a[at] >= threshold ? yes[at] : a[at] < threshold ? no[at] : a[at];
}

// --- sums --------------------------------------------------------------------------------------

constexpr std::size_t kLanes = 16;
using Doubles = hn::CappedTag<double, 4>;
using Halves = hn::Rebind<float, Doubles>;
using Lanes16 = std::array<double, kLanes>;

HWY_INLINE hn::Vec<Doubles> widen(const float* from) {
  return hn::PromoteTo(Doubles(), hn::LoadU(Halves(), from));
}

// Adds `count` elements, a multiple of 16, to their lanes: step(sum, at) is the sum with the terms
// that begin at element `at`.
template <typename Step>
HWY_INLINE void add_rows(Lanes16& lanes, std::size_t count, const Step& step) {
  const Doubles tag;
  const std::size_t n = hn::Lanes(tag);
  for (std::size_t lane = 0; lane < kLanes; lane += 4 * n) {
    double* home = lanes.data() + lane;
    auto s0 = hn::Load(tag, home);
    auto s1 = hn::Load(tag, home + n);
    auto s2 = hn::Load(tag, home + 2 * n);
    auto s3 = hn::Load(tag, home + 3 * n);
    for (std::size_t at = lane; at < count; at += kLanes) {
      s0 = step(s0, at);
      s1 = step(s1, at + n);
      s2 = step(s2, at + 2 * n);
      s3 = step(s3, at + 3 * n);
    }
    hn::Store(s0, tag, home);
    hn::Store(s1, tag, home + n);
    hn::Store(s2, tag, home + 2 * n);
    hn::Store(s3, tag, home + 3 * n);
  }
}

double in_order(const Lanes16& lanes) {
  double total = 0;
  for (const double lane : lanes)
    total += lane;
  return total;
}

// The last elements that fill no row, with zeros behind them: a zero adds nothing.
struct Row {
  alignas(64) std::array<float, kLanes> values{};
  Row(const float* from, std::size_t count) {
    if (count > 0) std::memcpy(values.data(), from, count * sizeof(float));
  }
};

// step(sum, x): the sum with the terms of x.
template <typename Step>
HWY_INLINE double total_of(const float* a, std::size_t count, const Step& step) {
  alignas(64) Lanes16 lanes{};
  const std::size_t rows = count / kLanes * kLanes;
  add_rows(lanes, rows, [&](auto s, std::size_t at) { return step(s, widen(a + at)); });
  if (rows < count) {
    const Row rest(a + rows, count - rows);
    add_rows(lanes, kLanes,
             [&](auto s, std::size_t at) { return step(s, widen(rest.values.data() + at)); });
  }
  return in_order(lanes);
}

double total(const float* a, std::size_t count) {
  return total_of(a, count, [](auto s, auto x) { return hn::Add(s, x); });
}

double total_abs(const float* a, std::size_t count) {
  return total_of(a, count, [](auto s, auto x) { return hn::Add(s, hn::Abs(x)); });
}

// The product of two floats is exact in double precision, so that fusing it changes no bit.
double total_squares(const float* a, std::size_t count) {
  return total_of(a, count, [](auto s, auto x) { return hn::MulAdd(x, x, s); });
}

double total_dot(const float* a, const float* b, std::size_t count) {
  alignas(64) Lanes16 lanes{};
  const auto add = [&lanes](const float* x, const float* y, std::size_t n) {
    add_rows(lanes, n,
             [=](auto s, std::size_t at) { return hn::MulAdd(widen(x + at), widen(y + at), s); });
  };
  const std::size_t rows = count / kLanes * kLanes;
  add(a, b, rows);
  if (rows < count) {
    const Row rest_a(a + rows, count - rows);
    const Row rest_b(b + rows, count - rows);
    add(rest_a.values.data(), rest_b.values.data(), kLanes);
  }
  return in_order(lanes);
}

struct Lanes16x3 {
  alignas(64) Lanes16 aa{};
  alignas(64) Lanes16 ab{};
  alignas(64) Lanes16 bb{};
};

HWY_INLINE void add_products(Lanes16x3& lanes, const float* a, const float* b, std::size_t count) {
  const Doubles tag;
  const std::size_t n = hn::Lanes(tag);
  for (std::size_t lane = 0; lane < kLanes; lane += 2 * n) {
    auto aa0 = hn::Load(tag, lanes.aa.data() + lane);
    auto ab0 = hn::Load(tag, lanes.ab.data() + lane);
    auto bb0 = hn::Load(tag, lanes.bb.data() + lane);
    auto aa1 = hn::Load(tag, lanes.aa.data() + lane + n);
    auto ab1 = hn::Load(tag, lanes.ab.data() + lane + n);
    auto bb1 = hn::Load(tag, lanes.bb.data() + lane + n);
    for (std::size_t at = lane; at < count; at += kLanes) {
      const auto a0 = widen(a + at);
      const auto b0 = widen(b + at);
      const auto a1 = widen(a + at + n);
      const auto b1 = widen(b + at + n);
      aa0 = hn::MulAdd(a0, a0, aa0);
      ab0 = hn::MulAdd(a0, b0, ab0);
      bb0 = hn::MulAdd(b0, b0, bb0);
      aa1 = hn::MulAdd(a1, a1, aa1);
      ab1 = hn::MulAdd(a1, b1, ab1);
      bb1 = hn::MulAdd(b1, b1, bb1);
    }
    hn::Store(aa0, tag, lanes.aa.data() + lane);
    hn::Store(ab0, tag, lanes.ab.data() + lane);
    hn::Store(bb0, tag, lanes.bb.data() + lane);
    hn::Store(aa1, tag, lanes.aa.data() + lane + n);
    hn::Store(ab1, tag, lanes.ab.data() + lane + n);
    hn::Store(bb1, tag, lanes.bb.data() + lane + n);
  }
}

Products all_products(const float* a, const float* b, std::size_t count) {
  Lanes16x3 lanes;
  const std::size_t rows = count / kLanes * kLanes;
  add_products(lanes, a, b, rows);
  if (rows < count) {
    const Row rest_a(a + rows, count - rows);
    const Row rest_b(b + rows, count - rows);
    add_products(lanes, rest_a.values.data(), rest_b.values.data(), kLanes);
  }
  return {.aa = in_order(lanes.aa), .ab = in_order(lanes.ab), .bb = in_order(lanes.bb)};
}

void add_all_products(const float* a, const float* b, double* to, std::size_t count) {
  const Doubles tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(hn::MulAdd(widen(a + at), widen(b + at), hn::LoadU(tag, to + at)), tag, to + at);
  for (; at < count; ++at)
    to[at] += static_cast<double>(a[at]) * static_cast<double>(b[at]);
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(add_all);
HWY_EXPORT(subtract_all);
HWY_EXPORT(multiply_all);
HWY_EXPORT(divide_all);
HWY_EXPORT(scale_all);
HWY_EXPORT(divide_all_by);
HWY_EXPORT(add_all_scaled);
HWY_EXPORT(all_weighted);
HWY_EXPORT(blend_all);
HWY_EXPORT(absolute_all);
HWY_EXPORT(divide_all_into);
HWY_EXPORT(subtract_all_from);
HWY_EXPORT(all_at_least);
HWY_EXPORT(all_at_most);
HWY_EXPORT(all_above);
HWY_EXPORT(choose_all_not_below);
HWY_EXPORT(add_all_products);
HWY_EXPORT(total);
HWY_EXPORT(total_abs);
HWY_EXPORT(total_squares);
HWY_EXPORT(total_dot);
HWY_EXPORT(all_products);

void add(const float* a, const float* b, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_all)(a, b, to, count);
}
void subtract(const float* a, const float* b, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(subtract_all)(a, b, to, count);
}
void multiply(const float* a, const float* b, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(multiply_all)(a, b, to, count);
}
void divide(const float* a, const float* b, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(divide_all)(a, b, to, count);
}
void scale(const float* a, float factor, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(scale_all)(a, factor, to, count);
}
void divide_by(const float* a, float divisor, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(divide_all_by)(a, divisor, to, count);
}
void add_scaled(const float* a, float factor, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_all_scaled)(a, factor, to, count);
}
void weighted_sum(std::span<const float* const> inputs, std::span<const float> factors, float* to,
                  std::size_t count) {
  HWY_DYNAMIC_DISPATCH(all_weighted)(inputs, factors, to, count);
}
void blend(const float* a, float x, const float* b, float y, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(blend_all)(a, x, b, y, to, count);
}
void absolute(const float* a, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(absolute_all)(a, to, count);
}
void divide_into(float x, const float* a, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(divide_all_into)(x, a, to, count);
}
void subtract_from(float x, const float* a, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(subtract_all_from)(x, a, to, count);
}
void at_least(const float* a, float least, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(all_at_least)(a, least, to, count);
}
void at_most(const float* a, float most, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(all_at_most)(a, most, to, count);
}
void above(const float* a, float threshold, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(all_above)(a, threshold, to, count);
}
void choose_not_below(const float* a, float threshold, const float* yes, const float* no, float* to,
                      std::size_t count) {
  HWY_DYNAMIC_DISPATCH(choose_all_not_below)(a, threshold, yes, no, to, count);
}
void add_products(const float* a, const float* b, double* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_all_products)(a, b, to, count);
}
double sum(const float* a, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(total)(a, count);
}
double sum_abs(const float* a, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(total_abs)(a, count);
}
double sum_squares(const float* a, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(total_squares)(a, count);
}
double dot(const float* a, const float* b, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(total_dot)(a, b, count);
}
Products products(const float* a, const float* b, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(all_products)(a, b, count);
}

}  // namespace shardwright::kernel
#endif
