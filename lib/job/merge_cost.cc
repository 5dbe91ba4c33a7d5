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
#include "write/write_files.h"

namespace shardwright {
namespace {

// A sample: parts of tensors at places that lie evenly in the result, until enough time has passed.
constexpr std::uint64_t kPlaces = 8;
constexpr std::uint64_t kPartElements = 512 * kKiB;
constexpr auto kEnough = std::chrono::milliseconds(100);

std::uint64_t bytes_of(const PlannedTensor& tensor) {
  return tensor.elements * dtype_bits(tensor.dtype) / 8;
}

// The first rows of a tensor as a plan of their own.
MergePlan part_of(const MergePlan& plan, const PlannedTensor& whole) {
  MergePlan part{.method = plan.method, .seed = plan.seed, .compat = plan.compat};
  PlannedTensor tensor = whole;
  const std::uint64_t row = whole.shape.size() > 1 ? whole.shape.back() : 1;
  const std::uint64_t rows =
      std::max<std::uint64_t>(1, kPartElements / std::max<std::uint64_t>(1, row));
  if (row > 0 && rows < whole.elements / row) {
    tensor.elements = rows * row;
    tensor.shape = whole.shape.size() > 1 ? Shape{rows, row} : Shape{rows};
    for (TensorInput& input : tensor.inputs)
      input.tensor.bytes = tensor.elements * dtype_bits(input.tensor.dtype) / 8;
  }
  part.tensors.push_back(std::move(tensor));
  part.shards = {{0}};
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
const PlannedTensor& tensor_at(const MergePlan& plan, std::uint64_t place) {
  for (const PlannedTensor& tensor : plan.tensors) {
    if (place < bytes_of(tensor)) return tensor;
    place -= bytes_of(tensor);
  }
  return plan.tensors.back();
}

}  // namespace

Result<MergeThreads> merge_threads(const MergePlan& plan, int threads,
                                   std::optional<std::uint64_t> limit) {
  SW_TRY(const MergeMemory memory, memory_of(plan));
  const std::uint64_t held = resident_bytes();
  const std::uint64_t before = peak_resident_bytes();
  const auto with = [&](int computing, int waiting) {
    return MergeThreads{
        .computing = computing,
        .waiting = waiting,
        .peak_bytes = std::max(before, held + memory.total(computing, waiting)),
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
    const PlannedTensor& tensor = tensor_at(plan, all / kPlaces * i + all / kPlaces / 2);
    const MergePlan part = part_of(plan, tensor);
    SW_TRY_OK(carry_out(part));
    done += bytes_of(part.tensors.front());
    if (Clock::now() - begin > kEnough) break;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const int at_once = std::min(threads, available_cores());
  return done == 0 ? 0 : seconds * static_cast<double>(all) / static_cast<double>(done) / at_once;
}

Status check_space(const std::string& output, std::uint64_t bytes) {
  SW_TRY(const std::uint64_t free, free_bytes_at(output));
  if (bytes <= free) return ok();
  return Error{ErrorCode::kIo,
               fmt::format("{}: the result needs {}, and {} are free there: make room, or write to "
                           "another disk",
                           quoted(output), human_bytes(bytes), human_bytes(free))};
}

}  // namespace shardwright
