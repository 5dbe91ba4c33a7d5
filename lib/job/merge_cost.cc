#include "job/merge_cost.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "base/parallel.h"
#include "base/process.h"
#include "base/text.h"
#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"
#include "merge/engine.h"
#include "merge/memory.h"
#include "write/place.h"
#include "write/tile.h"
#include "write/write_files.h"

namespace shardwright {
namespace {

// A sample: parts of tensors at places that lie evenly in the result, until enough time has passed.
constexpr std::uint64_t kPlaces = 8;
constexpr std::uint64_t kPartElements = 512 * kKiB;
constexpr std::size_t kPartTensors = 1000;
constexpr auto kEnough = std::chrono::milliseconds(100);

// A tensor, or its first rows where it is large.
PlannedTensor rows_of(const PlannedTensor& whole) {
  PlannedTensor tensor = whole;
  const std::uint64_t row = whole.shape.size() > 1 ? whole.shape.back() : 1;
  if (row == 0) return tensor;
  const std::uint64_t rows = std::max<std::uint64_t>(1, kPartElements / row);
  if (rows >= whole.elements / row) return tensor;
  tensor.elements = rows * row;
  tensor.shape = whole.shape.size() > 1 ? Shape{rows, row} : Shape{rows};
  for (TensorInput& input : tensor.inputs)
    input.tensor.bytes = tensor.elements * dtype_bits(input.tensor.dtype) / 8;
  return tensor;
}

// Tensors from `first` on as a plan of their own.
MergePlan part_of(const MergePlan& plan, std::size_t first) {
  MergePlan part{.method = plan.method, .seed = plan.seed, .compat = plan.compat};
  part.shards.emplace_back();
  std::uint64_t elements = 0;
  for (std::size_t i = first;
       i < plan.tensors.size() && elements < kPartElements && part.tensors.size() < kPartTensors;
       ++i) {
    part.shards[0].push_back(part.tensors.size());
    part.tensors.push_back(rows_of(plan.tensors[i]));
    elements += part.tensors.back().elements;
  }
  return part;
}

Status carry_out(const MergePlan& plan) {
  SW_TRY(const MergeFiles files, merge_files(plan));
  const PlannedFile& file = *files.shards.front();
  Preparation::Work work;
  while (files.preparation->next(0, {0, file.size()}, work) == Preparation::State::kWork)
    SW_TRY_OK(work());
  std::vector<std::byte> bytes(file.size());
  return file.read(0, bytes);
}

// The tensor in which that byte of all tensors lies.
std::size_t tensor_at(const MergePlan& plan, std::uint64_t place) {
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const std::uint64_t bytes = bytes_of(plan.tensors[i]);
    if (place < bytes) return i;
    place -= bytes;
  }
  return plan.tensors.size() - 1;
}

}  // namespace

Result<MergeThreads> merge_threads(std::span<const MergePlan* const> plans, int threads,
                                   std::optional<std::uint64_t> limit) {
  const MergePlan& plan = *plans.back();
  std::vector<MergeMemory> memory;
  for (const MergePlan* one : plans) {
    SW_TRY(const MergeMemory of, memory_of(*one));
    memory.push_back(of);
  }
  const auto total = [&memory](int computing, int waiting) {
    std::uint64_t sum = 0;
    for (const MergeMemory& of : memory)
      sum += of.total(computing, waiting);
    return sum;
  };
  const std::uint64_t held = resident_bytes();
  const std::uint64_t before = peak_resident_bytes();
  // No more threads are started than there are tiles.
  const auto tiles = static_cast<int>(std::min<std::uint64_t>(
      plan.tensor_bytes / kTileBytes + 2 * plan.shards.size(), std::uint64_t{1} << 20U));
  const auto with = [&](int computing, int waiting) {
    return MergeThreads{
        .computing = computing,
        .waiting = waiting,
        // The check of the result takes what that of the plan took, beside what was seen of values.
        .peak_bytes = std::max(
            before + before / 6,
            held + total(std::min(computing, tiles), std::clamp(tiles - computing, 0, waiting))),
    };
  };
  MergeThreads chosen = with(threads > 0 ? threads : available_cores(), kWaitingThreads);
  if (!limit) return chosen;
  while (chosen.peak_bytes > *limit && chosen.computing > 1)
    chosen = with(chosen.computing - 1, chosen.waiting);
  while (chosen.peak_bytes > *limit && chosen.waiting > 0)
    chosen = with(chosen.computing, chosen.waiting - 1);
  if (chosen.peak_bytes > *limit) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the memory limit is {}, and this merge may take {} on one thread",
                             human_bytes(*limit), human_bytes(chosen.peak_bytes))};
  }
  return chosen;
}

Result<double> merge_seconds(const MergePlan& plan, int threads) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t all = 0;
  for (const PlannedTensor& tensor : plan.tensors)
    all += bytes_of(tensor);
  const auto begin = Clock::now();
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < kPlaces && all > 0; ++i) {
    const MergePlan part = part_of(plan, tensor_at(plan, all / kPlaces * i + all / kPlaces / 2));
    SW_TRY_OK(carry_out(part));
    for (const PlannedTensor& tensor : part.tensors)
      done += bytes_of(tensor);
    if (Clock::now() - begin > kEnough) break;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const int at_once = std::min(threads, available_cores());
  return done == 0 ? 0 : seconds * static_cast<double>(all) / static_cast<double>(done) / at_once;
}

Status check_space(const std::string& output, std::uint64_t bytes, std::uint64_t held) {
  SW_TRY(std::uint64_t free, free_bytes_at(output));
  free += held;
  if (bytes <= free) return ok();
  return Error{ErrorCode::kIo,
               fmt::format("{}: the result needs {}, and {} are free there: make room, or write to "
                           "another disk",
                           quoted(output), human_bytes(bytes), human_bytes(free))};
}

}  // namespace shardwright
