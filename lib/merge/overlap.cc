#include "merge/overlap.h"

#include <algorithm>

#include "merge/combination.h"
#include "merge/scratch.h"
#include "merge/steps.h"

namespace shardwright {
namespace {

// Lines of scratch. The last two are those of one model after another.
enum Line : std::size_t { kDivisor, kAlone, kSum, kChange, kMask, kLines };

struct Work {
  const Chunk& chunk;
  Steps steps;
  const float* base{};
  float epsilon{};
  Scratch room{kLines, chunk.count};

  // The change that a model makes, with zeros where it does not count.
  void look_at(std::size_t input) const {
    steps.subtract(chunk.inputs[input], base, room[kChange]);
    kernel::above(room[kChange], epsilon, room[kMask], chunk.count);
    kernel::multiply(room[kChange], room[kMask], room[kChange], chunk.count);
  }

  // Sets kDivisor to how many models change an element, at least 1, and kAlone to 1 where no two
  // do.
  void look_at_all(std::span<const std::size_t> inputs) const {
    float* divisor = room[kDivisor];
    std::fill_n(divisor, chunk.count, 0.0F);
    for (const std::size_t input : inputs) {
      look_at(input);
      kernel::add(divisor, room[kMask], divisor, chunk.count);
    }
    kernel::above(divisor, 1, room[kAlone], chunk.count);
    kernel::subtract_from(1, room[kAlone], room[kAlone], chunk.count);
    kernel::at_least(divisor, 1, divisor, chunk.count);
  }
};

}  // namespace

Overlap::Overlap(const MergeCase& merge_case, double epsilon)
    : members_(others(merge_case)),
      base_(merge_case.base.value_or(0)),
      epsilon_(Steps(merge_case.round_to, 1).rounded(static_cast<float>(epsilon))),
      round_to_(merge_case.round_to) {}

void Overlap::count(const Chunk& chunk, std::span<std::uint64_t> counts) const {
  const Work work{chunk, Steps(round_to_, chunk.count), chunk.inputs[base_], epsilon_};
  work.look_at_all(members_);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    work.look_at(members_[i]);
    const auto all = static_cast<std::uint64_t>(kernel::sum(work.room[kMask], chunk.count));
    const auto alone =
        static_cast<std::uint64_t>(kernel::dot(work.room[kMask], work.room[kAlone], chunk.count));
    counts[2 * i] += alone;
    counts[2 * i + 1] += all - alone;
  }
}

void Overlap::apply(const Chunk& chunk, std::span<const float> raise, bool round_sum,
                    float* result) const {
  const Work work{chunk, Steps(round_to_, chunk.count), chunk.inputs[base_], epsilon_};
  work.look_at_all(members_);
  float* sum = work.room[kSum];
  std::fill_n(sum, chunk.count, 0.0F);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    work.look_at(members_[i]);
    float* change = work.room[kChange];
    work.steps.divide(change, work.room[kDivisor], change);
    if (raise[i] != 0 && round_to_) {  // the peer's one factor
      float* const factor = work.room[kMask];
      kernel::scale(work.room[kAlone], raise[i], factor, chunk.count);
      Steps(std::nullopt, chunk.count).add_number(factor, 1, factor);
      kernel::multiply(change, factor, change, chunk.count);
    }
    kernel::add(sum, change, sum, chunk.count);
    if (raise[i] == 0 || round_to_) continue;
    kernel::multiply(change, work.room[kAlone], change, chunk.count);
    kernel::add_scaled(change, raise[i], sum, chunk.count);
  }
  if (round_sum) work.steps.round(sum);
  kernel::add(work.base, sum, result, chunk.count);
  if (round_sum) work.steps.round(result);
}

}  // namespace shardwright
