// The work is cut into units: contiguous ranges of one shard, or the same range of two tensors. A
// thread takes the next unit and goes through it with a buffer that stays in its second-level
// cache, so that the bytes cost little more than their copy out of the page cache. What a unit sees
// of a tensor is kept by itself, and added up in order at the end: the result does not depend on
// threads.
#include "check/data_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/meter.h"
#include "base/parallel.h"
#include "base/try.h"
#include "base/units.h"
#include "check/data_units.h"

namespace shardwright {
namespace {

// Measured on Zen 4 and Linux 6.18, GB a second and core with the scan (and without): buffers of
// 128 KiB 10 (11), 512 KiB 11 (14), 1 MiB 14 (17), 4 MiB 14 (17): the kernel copies long runs
// faster. All buffers together stay small on machines of many cores.
constexpr std::uint64_t kBufferBytes = kMiB;
constexpr std::uint64_t kBufferBytesLeast = 128 * kKiB;
constexpr std::uint64_t kBufferBytesAll = 24 * kMiB;
constexpr std::uint64_t kSampleBytes = 4096;
constexpr std::uint64_t kSamples = 64;

class Reader {
 public:
  Reader(std::span<const Tensor> tensors, const Work& work, std::size_t pairs,
         std::span<const std::uint64_t> row_bytes, const DataRequest& request)
      : tensors_(tensors),
        work_(work),
        row_bytes_(row_bytes),
        seen_(work.segments.size()),
        zero_runs_(work.segments.size()),
        digests_(request.digests),
        blocks_(request.digests ? work.segments.size() : 0),
        rows_(work.segments.size()),
        errors_(work.units.size()),
        differ_(pairs),
        meter_(request.monitor, "checking", work.bytes) {}

  void run(int threads) {
    if (threads <= 0) threads = available_cores();
    const auto workers = std::min(work_.units.size(), static_cast<std::size_t>(threads));
    const std::uint64_t buffer = std::clamp(kBufferBytesAll / static_cast<std::uint64_t>(threads),
                                            kBufferBytesLeast, kBufferBytes) /
                                 kPageBytes * kPageBytes;
    parallel_for(workers, threads, [&](std::size_t) { take_units(buffer); });
  }

  Result<ReadTensors> collect(std::size_t pairs) {
    if (meter_.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
    ReadTensors result{.scans = std::vector<ScanResult>(tensors_.size()),
                       .pairs = std::vector<TieBytes>(pairs, TieBytes::kEqual),
                       .zero_runs = std::vector<std::vector<ZeroRun>>(tensors_.size())};
    std::vector<bool> failed(tensors_.size());
    for (std::size_t u = 0; u < work_.units.size(); ++u) {
      const Unit& unit = work_.units[u];
      for (std::size_t s = unit.begin; s < unit.end; ++s) {
        const std::uint32_t tensor = work_.segments[s].tensor;
        if (!errors_[u].empty()) failed[tensor] = true;
        if (work_.repeated[s]) continue;
        append(result.scans[tensor], seen_[s]);
        auto& runs = result.zero_runs[tensor];
        runs.insert(runs.end(), zero_runs_[s].begin(), zero_runs_[s].end());
      }
      if (errors_[u].empty()) continue;
      if (result.error.empty()) result.error = errors_[u];
      if (unit.pair != Unit::kNoPair) result.pairs[unit.pair] = TieBytes::kNotRead;
    }
    for (std::size_t i = 0; i < pairs; ++i) {
      if (differ_[i]) result.pairs[i] = TieBytes::kDiffer;
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (failed[i]) result.scans[i] = {};
      result.zero_runs[i] =
          failed[i] ? std::vector<ZeroRun>() : join_zero_runs(result.zero_runs[i]);
    }
    collect_digests(failed, result);
    collect_rows(failed, result);
    return result;
  }

 private:
  void collect_digests(const std::vector<bool>& failed, ReadTensors& result) {
    if (!digests_) return;
    std::vector<std::vector<Digest>> blocks(tensors_.size());
    for (std::size_t s = 0; s < blocks_.size(); ++s) {
      auto& all = blocks[work_.segments[s].tensor];
      all.insert(all.end(), blocks_[s].begin(), blocks_[s].end());
    }
    result.digests.resize(tensors_.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].readable && !failed[i]) result.digests[i] = Digester::of(blocks[i]);
    }
  }

  void collect_rows(const std::vector<bool>& failed, ReadTensors& result) {
    std::vector<std::vector<RowRun>> runs(tensors_.size());
    for (std::size_t s = 0; s < rows_.size(); ++s) {
      if (rows_[s]) runs[work_.segments[s].tensor].push_back(*std::move(rows_[s]));
    }
    result.rows.resize(tensors_.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!runs[i].empty() && !failed[i])
        result.rows[i] = rows_of(tensors_[i].dtype, row_bytes_[i], runs[i]);
    }
  }

  // Watches the rows of a segment, where its tensor's are.
  [[nodiscard]] std::optional<RowReader> row_reader(const Segment& segment) const {
    const std::uint64_t bytes = row_bytes_[segment.tensor];
    if (bytes == 0) return std::nullopt;
    return RowReader(tensors_[segment.tensor].dtype, bytes, segment.from);
  }

  void take_units(std::uint64_t buffer_bytes) {
    std::vector<std::byte> memory(buffer_bytes + kPageBytes);
    void* start = memory.data();
    std::size_t space = memory.size();
    start = std::align(kPageBytes, buffer_bytes, start, space);
    const MutableBytes buffer(static_cast<std::byte*>(start), buffer_bytes);
    while (!meter_.stopped()) {
      const std::size_t next = next_.fetch_add(1, std::memory_order_relaxed);
      if (next >= work_.units.size()) return;
      const Unit& unit = work_.units[next];
      const Status status =
          unit.pair == Unit::kNoPair ? read_range(unit, buffer) : read_pair(unit, buffer);
      if (!status) errors_[next] = status.error().message;
    }
  }

  Status read_range(const Unit& unit, MutableBytes buffer) {
    const auto start_of = [&](const Segment& segment) {
      return tensors_[segment.tensor].offset + segment.from;
    };
    const Segment& last = work_.segments[unit.end - 1];
    const ByteSource& source = *tensors_[last.tensor].source;
    const std::uint64_t end = start_of(last) + last.bytes;
    std::uint64_t position = start_of(work_.segments[unit.begin]);
    Digester digester;
    std::size_t segment = unit.begin;
    std::optional<RowReader> rows = row_reader(work_.segments[segment]);
    ZeroRunReader zeros = zero_reader(work_.segments[segment]);
    while (position < end && !meter_.stopped()) {
      std::uint64_t want = std::min<std::uint64_t>(buffer.size(), end - position);
      if (position + want < end) want = (position + want) / kPageBytes * kPageBytes - position;
      SW_TRY_OK(source.read(position, buffer.first(want)));
      // Whole elements only: what is left of one over a page's end is read again.
      std::uint64_t used = 0;
      while (used < want) {
        const Segment& now = work_.segments[segment];
        const Tensor& tensor = tensors_[now.tensor];
        const std::uint64_t left = start_of(now) + now.bytes - (position + used);
        std::uint64_t bytes = std::min(want - used, left);
        if (bytes < left) bytes -= bytes % std::max(1U, dtype_bits(tensor.dtype) / 8);
        if (bytes == 0) break;
        scan(tensor.dtype, buffer.subspan(used, bytes), seen_[segment]);
        if (digests_) digester.add(buffer.subspan(used, bytes));
        if (rows) rows->add(buffer.subspan(used, bytes));
        zeros.add(buffer.subspan(used, bytes));
        used += bytes;
        if (bytes < left) continue;
        if (digests_) blocks_[segment] = digester.take();
        if (rows) rows_[segment] = rows->take();
        zero_runs_[segment] = zeros.take();
        ++segment;
        if (segment >= unit.end) continue;
        rows = row_reader(work_.segments[segment]);
        zeros = zero_reader(work_.segments[segment]);
      }
      position += used;
      meter_.add(used);
    }
    return ok();
  }

  [[nodiscard]] ZeroRunReader zero_reader(const Segment& segment) const {
    return ZeroRunReader(segment.from, tensors_[segment.tensor].dtype);
  }

  Status read_pair(const Unit& unit, MutableBytes buffer) {
    const MutableBytes half_a = buffer.first(buffer.size() / 2);
    const MutableBytes half_b = buffer.subspan(buffer.size() / 2);
    const Segment& a = work_.segments[unit.begin];
    const Segment& b = work_.segments[unit.begin + 1];
    const Tensor& tensor_a = tensors_[a.tensor];
    const Tensor& tensor_b = tensors_[b.tensor];
    ZeroRunReader zeros_a = zero_reader(a);
    ZeroRunReader zeros_b = zero_reader(b);
    for (std::uint64_t at = 0; at < a.bytes && !meter_.stopped();) {
      const std::uint64_t bytes = std::min<std::uint64_t>(half_a.size(), a.bytes - at);
      const MutableBytes bytes_a = half_a.first(bytes);
      const MutableBytes bytes_b = half_b.first(bytes);
      SW_TRY_OK(tensor_a.read(a.from + at, bytes_a));
      SW_TRY_OK(tensor_b.read(b.from + at, bytes_b));
      if (std::memcmp(bytes_a.data(), bytes_b.data(), bytes) != 0) differ_[unit.pair] = true;
      if (!work_.repeated[unit.begin]) scan(tensor_a.dtype, bytes_a, seen_[unit.begin]);
      if (!work_.repeated[unit.begin + 1]) scan(tensor_b.dtype, bytes_b, seen_[unit.begin + 1]);
      zeros_a.add(bytes_a);
      zeros_b.add(bytes_b);
      at += bytes;
      meter_.add(2 * bytes);
    }
    zero_runs_[unit.begin] = zeros_a.take();
    zero_runs_[unit.begin + 1] = zeros_b.take();
    return ok();
  }

  std::span<const Tensor> tensors_;
  const Work& work_;
  std::span<const std::uint64_t> row_bytes_;
  std::vector<ScanResult> seen_;                 // one a segment: no two threads share one
  std::vector<std::vector<ZeroRun>> zero_runs_;  // likewise
  bool digests_{};
  std::vector<std::vector<Digest>> blocks_;  // likewise, where digests are asked for
  std::vector<std::optional<RowRun>> rows_;  // likewise, where they are watched
  std::vector<std::string> errors_;          // one a unit
  std::vector<std::atomic<bool>> differ_;
  Meter meter_;
  std::atomic<std::size_t> next_{};
};

}  // namespace

namespace {

// Every tensor by itself; pairs are equal where their digests are.
Result<ReadTensors> read_with_digests(std::span<const Tensor> tensors,
                                      std::span<const TensorPair> pairs,
                                      std::span<const std::uint64_t> row_bytes,
                                      const DataRequest& request) {
  std::vector<bool> planned(tensors.size());
  std::vector<std::optional<KnownTensor>> known(tensors.size());
  for (std::size_t i = 0; request.known && i < tensors.size(); ++i) {
    if (tensors[i].readable) known[i] = request.known(tensors[i]);
    // Under another shape it may have rows that nobody looked at.
    if (row_bytes[i] != 0 && known[i] && !known[i]->rows) known[i].reset();
    planned[i] = known[i].has_value();
  }
  Work work;
  plan_files(tensors, work, planned, true);
  Reader reader(tensors, work, 0, row_bytes, request);
  reader.run(request.threads);
  SW_TRY(ReadTensors result, reader.collect(0));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!known[i]) continue;
    result.scans[i] = known[i]->scan;
    result.digests[i] = known[i]->digest;
    result.rows[i] = std::move(known[i]->rows);
    result.zero_runs[i] = std::move(known[i]->zero_runs);
  }
  for (const TensorPair& pair : pairs) {
    const auto& a = result.digests[pair.a];
    const auto& b = result.digests[pair.b];
    result.pairs.push_back(!a || !b   ? TieBytes::kNotRead
                           : *a == *b ? TieBytes::kEqual
                                      : TieBytes::kDiffer);
  }
  return result;
}

}  // namespace

Result<ReadTensors> read_tensors(std::span<const Tensor> tensors, std::span<const TensorPair> pairs,
                                 std::span<const std::uint64_t> row_bytes,
                                 const DataRequest& request) {
  if (request.digests) return read_with_digests(tensors, pairs, row_bytes, request);
  Work work;
  std::vector<bool> planned(tensors.size());
  plan_pairs(tensors, pairs, work, planned);
  plan_files(tensors, work, planned, false);
  Reader reader(tensors, work, pairs.size(), row_bytes, request);
  reader.run(request.threads);
  return reader.collect(pairs.size());
}

Result<TieBytes> compare_sample(const Tensor& a, const Tensor& b) {
  std::vector<std::byte> buffer(2 * kSampleBytes);
  const bool whole = a.bytes <= kSamples * kSampleBytes;
  const std::uint64_t count = whole ? (a.bytes + kSampleBytes - 1) / kSampleBytes : kSamples;
  for (std::uint64_t i = 0; i < count; ++i) {
    // Evenly spread; the last block ends where the tensor does. Halves first, so as not to
    // overflow.
    const std::uint64_t gap = whole ? 0 : (a.bytes - kSampleBytes) / (count - 1);
    std::uint64_t from = whole ? i * kSampleBytes : i * gap;
    if (!whole && i + 1 == count) from = a.bytes - kSampleBytes;
    const std::uint64_t bytes = std::min(kSampleBytes, a.bytes - from);
    const MutableBytes part_a = MutableBytes(buffer).first(bytes);
    const MutableBytes part_b = MutableBytes(buffer).subspan(kSampleBytes, bytes);
    SW_TRY_OK(a.read(from, part_a));
    SW_TRY_OK(b.read(from, part_b));
    if (std::memcmp(part_a.data(), part_b.data(), bytes) != 0) return TieBytes::kDiffer;
  }
  return whole ? TieBytes::kEqual : TieBytes::kEqualSample;
}

}  // namespace shardwright
