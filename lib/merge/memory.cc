#include "merge/memory.h"

#include <algorithm>

#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"
#include "merge/case_of.h"
#include "merge/chunk_reader.h"
#include "merge/kept_mask.h"
#include "write/tile.h"

namespace shardwright {
namespace {

// A tensor has at most so many blocks, each of at least so many elements.
constexpr std::uint64_t kMostBlocks = 256;
constexpr std::uint64_t kLeastBlock = 256 * kKiB;
// Sums that all blocks of a tensor may hold together.
constexpr std::uint64_t kMostSums = kMiB;

// Of a thread: its stack, and what the allocator keeps for it.
constexpr std::uint64_t kThreadBytes = 512 * kKiB;
// What does not go by tensors: folders, the meter, small strings.
constexpr std::uint64_t kSmallThings = 4 * kMiB;

// Scratch of a program, in floats of a chunk beside those of its inputs: variances, sums and
// weights; exponentials of two models in double precision; keys, ranks and numbers.
constexpr std::uint64_t kSpareFloats = 8;

}  // namespace

PassBlocks blocks_of(std::uint64_t elements, std::uint64_t chunk, std::size_t sums) {
  const std::uint64_t most =
      std::clamp<std::uint64_t>(kMostSums / std::max<std::size_t>(1, sums), 1, kMostBlocks);
  std::uint64_t block = std::max(kLeastBlock, (elements + most - 1) / most);
  block = (block + chunk - 1) / chunk * chunk;
  return {.elements = block, .blocks = std::max<std::uint64_t>(1, (elements + block - 1) / block)};
}

std::uint64_t MergeMemory::total(int computing, int idle) const {
  const auto busy = static_cast<std::uint64_t>(computing);
  const auto others = static_cast<std::uint64_t>(idle);
  const std::uint64_t threads = busy + others;
  // A pass that is not at its end has a thread at work; one keeps the counts of all that were.
  const std::uint64_t held =
      std::min(threads * (threads + 1) / 2 * counts, kCountsAhead + threads * counts);
  return shared + busy * working + others * waiting + held;
}

Result<MergeMemory> memory_of(const MergePlan& plan) {
  std::uint64_t computing = 0;  // of a thread that does
  std::uint64_t scratch = 0;    // of every thread, since any may have computed
  std::uint64_t counts = 0;
  std::uint64_t sums = 0;
  std::uint64_t noted = 0;
  std::uint64_t merged = 0;
  for (const PlannedTensor& tensor : plan.tensors) {
    if (tensor.action == TensorAction::kCopy) continue;
    std::uint64_t chunk = MergeProgram::kChunk;
    if (tensor.action == TensorAction::kMerge) {
      auto program = plan.method->make(case_of(plan, tensor, 0));
      if (!program) return std::move(program).error().within(quoted(tensor.name));
      chunk = (*program)->chunk_elements();
      noted = std::max(noted, (*program)->noted_bytes());
      counts = std::max<std::uint64_t>(counts, (*program)->most_counts() * sizeof(std::uint64_t));
      if (const auto shape = (*program)->pass(0)) {
        const auto blocks = blocks_of(tensor.elements, chunk, shape->sums).blocks;
        sums = std::max<std::uint64_t>(sums, blocks * shape->sums * sizeof(double));
      }
      ++merged;
    }
    const std::uint64_t inputs = tensor.inputs.size();
    computing = std::max(computing, workspace_bytes(tensor, chunk));
    scratch = std::max(scratch, (inputs + kSpareFloats) * chunk * sizeof(float));
  }
  const std::uint64_t waiting = kTileBytes + kThreadBytes + scratch;
  const std::uint64_t held = std::min(merged, std::uint64_t{kTensorsAhead} + 1);
  return MergeMemory{
      .shared = kSmallThings + held * sums + std::min(held * noted, kKeptMaskBytes),
      .working = waiting + computing,
      .waiting = waiting,
      .counts = counts,
  };
}

}  // namespace shardwright
