#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/task_kernels.cc"
#include "merge/task_kernels.h"

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// D: a vector of doubles, or one alone for the elements that fill no vector.
template <typename D>
HWY_INLINE hn::Vec<D> widened(D tag, const float* from) {
  return hn::PromoteTo(tag, hn::LoadU(hn::Rebind<float, D>(), from));
}

struct Plain {
  template <typename D>
  HWY_INLINE hn::Vec<D> operator()(D tag, const TaskSum& sum, std::size_t at) const {
    auto total = hn::Zero(tag);
    for (std::size_t i = 0; i < sum.deltas.size(); ++i)
      total =
          hn::Add(total, hn::Mul(widened(tag, sum.deltas[i] + at), hn::Set(tag, sum.factors[i])));
    return total;
  }
};

// Positive and negative ones are added apart; the larger side is the result.
template <bool kDivide, bool kVotes>
struct Consensus {
  template <typename D>
  HWY_INLINE hn::Vec<D> operator()(D tag, const TaskSum& sum, std::size_t at) const {
    const auto zero = hn::Zero(tag);
    auto above = zero;
    auto below = zero;
    auto vote = zero;
    auto above_weight = zero;
    auto below_weight = zero;
    for (std::size_t i = 0; i < sum.deltas.size(); ++i) {
      const auto delta = widened(tag, sum.deltas[i] + at);
      const auto v = hn::Mul(delta, hn::Set(tag, sum.factors[i]));
      if constexpr (kVotes) vote = hn::Add(vote, hn::Mul(delta, hn::Set(tag, sum.votes[i])));
      const auto positive = hn::Gt(v, zero);
      above = hn::Add(above, hn::IfThenElseZero(positive, v));
      below = hn::Add(below, hn::IfThenZeroElse(positive, v));  // and NaN
      if constexpr (kDivide) {
        const auto weight = hn::Set(tag, sum.divisors[i]);
        above_weight = hn::Add(above_weight, hn::IfThenElseZero(positive, weight));
        below_weight = hn::Add(below_weight, hn::IfThenElseZero(hn::Lt(v, zero), weight));
      }
    }
    if constexpr (!kVotes) vote = hn::Add(above, below);
    const auto majority = hn::Ge(vote, zero);
    const auto result = hn::IfThenElse(majority, above, below);
    if constexpr (!kDivide) return result;
    const auto weight = hn::IfThenElse(majority, above_weight, below_weight);
    return hn::Div(result, hn::IfThenElse(hn::Eq(weight, zero), hn::Set(tag, 1.0), weight));
  }
};

template <typename D, typename Sum>
std::size_t add_in(D tag, const TaskSum& sum, const float* base, float* to, std::size_t at,
                   std::size_t count, Sum sum_at) {
  const hn::Rebind<float, D> floats;
  const std::size_t step = hn::Lanes(tag);
  const auto scale = hn::Set(tag, sum.scale);
  for (; at + step <= count; at += step) {
    const auto added = hn::Mul(sum_at(tag, sum, at), scale);
    const auto result = hn::Add(widened(tag, base + at), added);
    hn::StoreU(hn::DemoteTo(floats, result), floats, to + at);
  }
  return at;
}

template <typename Sum>
void add(const TaskSum& sum, const float* base, float* to, std::size_t count, Sum sum_at) {
  const std::size_t at = add_in(hn::ScalableTag<double>(), sum, base, to, 0, count, sum_at);
  add_in(hn::CappedTag<double, 1>(), sum, base, to, at, count, sum_at);
}

void add_tasks_kernel(const TaskSum& sum, const float* base, float* to, std::size_t count) {
  const bool divide = !sum.divisors.empty();
  const bool votes = !sum.votes.empty();
  if (!sum.consensus) {
    add(sum, base, to, count, Plain());
  } else if (divide) {
    votes ? add(sum, base, to, count, Consensus<true, true>())
          : add(sum, base, to, count, Consensus<true, false>());
  } else {
    votes ? add(sum, base, to, count, Consensus<false, true>())
          : add(sum, base, to, count, Consensus<false, false>());
  }
}

// kTasks: so many deltas, known to the compiler; 0: any number.
template <std::size_t kTasks, typename D>
std::size_t variance_in(D tag, std::span<const float* const> any, float* to, std::size_t at,
                        std::size_t count) {
  const hn::Rebind<float, D> floats;
  const std::size_t step = hn::Lanes(tag);
  std::span<const float* const, kTasks == 0 ? std::dynamic_extent : kTasks> deltas(any);
  const auto share = hn::Set(tag, 1 / static_cast<double>(deltas.size()));
  for (; at + step <= count; at += step) {
    auto mean = hn::Zero(tag);
    for (const float* delta : deltas)
      mean = hn::Add(mean, widened(tag, delta + at));
    mean = hn::Mul(mean, share);
    auto sum = hn::Zero(tag);
    for (const float* delta : deltas) {
      const auto apart = hn::Sub(widened(tag, delta + at), mean);
      sum = hn::Add(sum, hn::Mul(apart, apart));
    }
    hn::StoreU(hn::DemoteTo(floats, hn::Mul(sum, share)), floats, to + at);
  }
  return at;
}

template <std::size_t kTasks>
void variance_of(std::span<const float* const> deltas, float* to, std::size_t count) {
  const std::size_t at = variance_in<kTasks>(hn::ScalableTag<double>(), deltas, to, 0, count);
  variance_in<kTasks>(hn::CappedTag<double, 1>(), deltas, to, at, count);
}

void variance_kernel(std::span<const float* const> deltas, float* to, std::size_t count) {
  switch (deltas.size()) {
    case 2:
      return variance_of<2>(deltas, to, count);
    case 3:
      return variance_of<3>(deltas, to, count);
    default:
      return variance_of<0>(deltas, to, count);
  }
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(add_tasks_kernel);
HWY_EXPORT(variance_kernel);

void add_tasks(const TaskSum& sum, const float* base, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_tasks_kernel)(sum, base, to, count);
}

void variance(std::span<const float* const> deltas, float* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(variance_kernel)(deltas, to, count);
}

}  // namespace shardwright::kernel
#endif
