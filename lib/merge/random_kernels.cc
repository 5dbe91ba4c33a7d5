#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/random_kernels.cc"
#include "merge/random_kernels.h"

#include <algorithm>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The upper halves of the numbers of a group.
#if HWY_TARGET == HWY_SCALAR
void fill(const RandomKey& key, std::uint64_t group, std::uint16_t* numbers) {
  for (std::size_t i = 0; i < kRandomGroup; ++i)
    numbers[i] = static_cast<std::uint16_t>(random_number(key, group * kRandomGroup + i) >> 16U);
}
#else
// A block in each lane, its words in the lower halves; what is in the upper ones is never used.
using Blocks = hn::CappedTag<std::uint64_t, 8>;
using Words = hn::Repartition<std::uint32_t, Blocks>;
using Lanes = hn::Vec<Blocks>;

struct State {
  Lanes a, b, c, d;
};

HWY_INLINE Lanes product(Lanes word, Lanes factor) {
  return hn::MulEven(hn::BitCast(Words(), word), hn::BitCast(Words(), factor));
}

HWY_INLINE void round(State& state, Lanes key0, Lanes key1) {
  const Blocks tag;
  const Lanes first = product(state.a, hn::Set(tag, 0xD251'1F53U));
  const Lanes second = product(state.c, hn::Set(tag, 0xCD9E'8D57U));
  state.a = hn::Xor(hn::Xor(hn::ShiftRight<32>(second), state.b), key0);
  state.b = second;
  state.c = hn::Xor(hn::Xor(hn::ShiftRight<32>(first), state.d), key1);
  state.d = first;
}

// The elements of a group lie in the order in which blocks fill vectors of any width.
HWY_INLINE void fill(const RandomKey& key, std::uint64_t group, std::uint16_t* numbers) {
  const Blocks tag;
  const Words words;
  const auto low_halves = hn::Set(tag, 0xFFFF'FFFFU);
  const std::uint64_t block = group * 16;
  const std::size_t step = hn::Lanes(tag);
  auto* const out = reinterpret_cast<std::uint32_t*>(numbers);
  for (std::size_t at = 0; at < 8; at += step) {
    // Sixteen blocks begin at a multiple of sixteen: no carry into the second word.
    const Lanes even =
        hn::Add(hn::Set(tag, (block & 0xFFFF'FFFFU) + 2 * at), hn::ShiftLeft<1>(hn::Iota(tag, 0)));
    const Lanes high = hn::Set(tag, block >> 32U);
    const Lanes stream0 = hn::Set(tag, key.stream[0]);
    const Lanes stream1 = hn::Set(tag, key.stream[1]);
    State x{even, high, stream0, stream1};
    State y{hn::Add(even, hn::Set(tag, 1U)), high, stream0, stream1};
    std::uint32_t key0 = key.key[0];
    std::uint32_t key1 = key.key[1];
    for (int i = 0; i < 10; ++i) {
      const Lanes wide0 = hn::Set(tag, key0);
      const Lanes wide1 = hn::Set(tag, key1);
      round(x, wide0, wide1);
      round(y, wide0, wide1);
      key0 += 0x9E37'79B9U;
      key1 += 0xBB67'AE85U;
    }
    const auto store = [&](Lanes low, Lanes high_lane, std::size_t word) {
      const Lanes both = hn::Or(hn::And(low, low_halves), hn::ShiftLeft<32>(high_lane));
      hn::Store(hn::BitCast(words, both), words, out + 16 * word + 2 * at);
    };
    store(x.a, y.a, 0);
    store(x.b, y.b, 1);
    store(x.c, y.c, 2);
    store(x.d, y.d, 3);
  }
}
#endif

void upper_halves_kernel(const RandomKey& key, std::uint64_t first, std::size_t count,
                         std::uint16_t* numbers) {
  HWY_ALIGN std::uint16_t group[kRandomGroup];
  for (std::size_t at = 0; at < count;) {
    const std::size_t begin = (first + at) % kRandomGroup;
    const std::size_t run = std::min(kRandomGroup - begin, count - at);
    fill(key, (first + at) / kRandomGroup, group);
    std::copy_n(group + begin, run, numbers + at);
    at += run;
  }
}

void keep_below_chance_kernel(const RandomKey& key, std::uint64_t first, float* values,
                              std::size_t count, std::uint32_t chance) {
  using Floats = hn::CappedTag<float, 16>;
  const Floats tag;
  const hn::Rebind<std::int32_t, Floats> whole;
  const hn::Rebind<std::uint16_t, Floats> halves;
  const std::size_t step = hn::Lanes(tag);
  const auto border = hn::Set(whole, static_cast<std::int32_t>(chance >> 16U));
  HWY_ALIGN std::uint16_t numbers[kRandomGroup];

  for (std::size_t at = 0; at < count;) {
    const std::size_t begin = (first + at) % kRandomGroup;
    const std::size_t end = std::min(kRandomGroup, begin + count - at);
    fill(key, (first + at) / kRandomGroup, numbers);
    const auto decide = [&](std::size_t i) {  // one alone
      const std::uint32_t number = numbers[begin + i];
      const bool kept = number != chance >> 16U ? number < chance >> 16U
                                                : random_number(key, first + at + i) < chance;
      if (!kept) values[at + i] = 0;
    };
    const std::size_t run = end - begin;
    std::size_t i = 0;
    for (; i + step <= run; i += step) {
      const auto number = hn::PromoteTo(whole, hn::LoadU(halves, numbers + begin + i));
      if (HWY_UNLIKELY(!hn::AllFalse(whole, hn::Eq(number, border)))) {
        for (std::size_t k = i; k < i + step; ++k)
          decide(k);
        continue;
      }
      const auto kept = hn::RebindMask(tag, hn::Lt(number, border));
      float* const to = values + at + i;
      hn::StoreU(hn::IfThenElseZero(kept, hn::LoadU(tag, to)), tag, to);
    }
    for (; i < run; ++i)
      decide(i);
    at += run;
  }
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(upper_halves_kernel);
HWY_EXPORT(keep_below_chance_kernel);

void random_upper_halves(const RandomKey& key, std::uint64_t first, std::size_t count,
                         std::uint16_t* numbers) {
  HWY_DYNAMIC_DISPATCH(upper_halves_kernel)(key, first, count, numbers);
}

void keep_below_chance(const RandomKey& key, std::uint64_t first, float* values, std::size_t count,
                       std::uint32_t chance) {
  HWY_DYNAMIC_DISPATCH(keep_below_chance_kernel)(key, first, values, count, chance);
}

}  // namespace shardwright::kernel
#endif
