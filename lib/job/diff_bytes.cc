#include "job/diff_bytes.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <string>

#include "base/meter.h"
#include "base/parallel.h"
#include "base/try.h"
#include "base/units.h"

namespace shardwright {
namespace {

// As check/data_reader.cc found: the kernel copies long runs faster, and both halves stay in the
// second-level cache.
constexpr std::uint64_t kHalfBytes = 512 * kKiB;
constexpr std::uint64_t kUnitBytes = 8 * kMiB;    // of the wider side
constexpr std::uint64_t kMaxUnits = 1ULL << 20U;  // of a pair: a sparse file may be of any size

// What an element is where only bytes count.
std::uint64_t width_of(const Tensor& tensor, bool values) {
  return values ? dtype_bits(tensor.dtype) / 8 : 1;
}

struct CompareUnit {
  std::size_t pair{};
  std::uint64_t first{}, count{};  // elements
};

class PairReader {
 public:
  PairReader(std::span<const ComparedPair> pairs, const Monitor& monitor)
      : pairs_(pairs), differ_(pairs.size()), meter_(monitor, "comparing", plan()) {
    sums_.resize(units_.size());
    errors_.resize(units_.size());
  }

  void run(int threads) {
    if (threads <= 0) threads = available_cores();
    const auto workers = std::min(units_.size(), static_cast<std::size_t>(threads));
    parallel_for(workers, threads, [&](std::size_t) {
      std::vector<std::byte> memory(2 * kHalfBytes);
      while (!meter_.stopped()) {
        const std::size_t next = next_.fetch_add(1, std::memory_order_relaxed);
        if (next >= units_.size()) return;
        if (Status status = compare(next, memory); !status)
          errors_[next] = std::move(status).error();
      }
    });
  }

  Result<std::vector<PairDifference>> collect() {
    if (meter_.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
    for (auto& error : errors_) {
      if (error) return *std::move(error);
    }
    std::vector<PairDifference> differences(pairs_.size());
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      differences[i].same_bytes = !differ_[i];
    for (std::size_t u = 0; u < units_.size(); ++u)
      append(differences[units_[u].pair].sums, sums_[u]);
    return differences;
  }

 private:
  // Cuts the pairs into units; gives the bytes that will be read at most.
  std::uint64_t plan() {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const ComparedPair& pair = pairs_[i];
      if (pair.a.dtype != pair.b.dtype) differ_[i] = true;
      const std::uint64_t width =
          std::max(width_of(pair.a, pair.values), width_of(pair.b, pair.values));
      const std::uint64_t elements = pair.a.bytes / width_of(pair.a, pair.values);
      const std::uint64_t most = std::max(kUnitBytes / width, elements / kMaxUnits + 1);
      for (std::uint64_t first = 0; first < elements; first += most)
        units_.push_back({i, first, std::min(most, elements - first)});
      total += pair.a.bytes + pair.b.bytes;
    }
    return total;
  }

  Status compare(std::size_t number, MutableBytes memory) {
    const CompareUnit& unit = units_[number];
    const ComparedPair& pair = pairs_[unit.pair];
    const bool one_dtype = pair.a.dtype == pair.b.dtype;
    const std::uint64_t width_a = width_of(pair.a, pair.values);
    const std::uint64_t width_b = width_of(pair.b, pair.values);
    const std::uint64_t most = kHalfBytes / std::max(width_a, width_b);
    ValueComparer comparer(pair.a.dtype, pair.b.dtype);
    for (std::uint64_t done = 0; done < unit.count && !meter_.stopped();) {
      // One difference is all that is asked for.
      if (!pair.values && differ_[unit.pair]) return ok();
      const std::uint64_t count = std::min(most, unit.count - done);
      const std::uint64_t first = unit.first + done;
      const MutableBytes a = memory.first(count * width_a);
      const MutableBytes b = memory.subspan(kHalfBytes, count * width_b);
      SW_TRY_OK(pair.a.read(first * width_a, a));
      SW_TRY_OK(pair.b.read(first * width_b, b));
      if (!one_dtype || std::memcmp(a.data(), b.data(), a.size()) != 0) {
        differ_[unit.pair] = true;
        if (pair.values) comparer.add(first, a, b, sums_[number]);
      }
      done += count;
      meter_.add(a.size() + b.size());
    }
    return ok();
  }

  std::span<const ComparedPair> pairs_;
  std::vector<CompareUnit> units_;
  std::vector<std::atomic<bool>> differ_;  // one a pair
  std::vector<ValueSums> sums_;            // one a unit: no two threads share one
  std::vector<std::optional<Error>> errors_;
  Meter meter_;
  std::atomic<std::size_t> next_{};
};

}  // namespace

Result<std::vector<PairDifference>> compare_pairs(std::span<const ComparedPair> pairs, int threads,
                                                  const Monitor& monitor) {
  PairReader reader(pairs, monitor);
  reader.run(threads);
  return reader.collect();
}

}  // namespace shardwright
