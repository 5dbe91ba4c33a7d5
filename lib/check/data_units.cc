#include "check/data_units.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/digest.h"
#include "base/units.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kUnitBytes = 8 * kMiB;

// Bytes to take from a tensor of which `room` fit: a whole number of elements, and up to a page of
// the file.
std::uint64_t cut(const Tensor& tensor, std::uint64_t from, std::uint64_t room) {
  const std::uint64_t left = tensor.bytes - from;
  if (left <= room) return left;
  const std::uint64_t start = tensor.offset + from;
  const std::uint64_t to_page = (start + room) / kPageBytes * kPageBytes - start;
  return std::max<std::uint64_t>(8, to_page / 8 * 8);
}

// The same for digests, which are taken in blocks that begin with the tensor: none where less than
// a block would fit.
std::uint64_t cut_blocks(const Tensor& tensor, std::uint64_t from, std::uint64_t room) {
  const std::uint64_t left = tensor.bytes - from;
  return left <= room ? left : room / Digester::kBlockBytes * Digester::kBlockBytes;
}

}  // namespace

void plan_pairs(std::span<const Tensor> tensors, std::span<const TensorPair> pairs, Work& work,
                std::vector<bool>& planned) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const TensorPair pair = pairs[i];
    const Tensor& tensor = tensors[pair.a];
    for (std::uint64_t from = 0; from < tensor.bytes;) {
      const std::uint64_t bytes = cut(tensor, from, kUnitBytes / 2);
      work.units.push_back({work.segments.size(), work.segments.size() + 2, i});
      work.segments.push_back({pair.a, from, bytes});
      work.segments.push_back({pair.b, from, bytes});
      work.repeated.push_back(planned[pair.a]);
      work.repeated.push_back(planned[pair.b]);
      work.bytes += 2 * bytes;
      from += bytes;
    }
    planned[pair.a] = planned[pair.b] = true;
  }
}

void plan_files(std::span<const Tensor> tensors, Work& work, const std::vector<bool>& planned,
                bool digests) {
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(tensors[a].shard, tensors[a].offset) <
           std::pair(tensors[b].shard, tensors[b].offset);
  });
  Unit unit{work.segments.size(), work.segments.size()};
  const ByteSource* source = nullptr;
  std::uint64_t position = 0;
  std::uint64_t room = 0;
  const auto finish = [&] {
    unit.end = work.segments.size();
    if (unit.end > unit.begin) work.units.push_back(unit);
    unit.begin = unit.end;
    room = kUnitBytes;
  };
  for (const std::uint32_t i : order) {
    const Tensor& tensor = tensors[i];
    if (!tensor.readable || planned[i]) continue;
    if (tensor.source != source || tensor.offset != position) finish();
    source = tensor.source;
    for (std::uint64_t from = 0; from < tensor.bytes;) {
      if (room < kPageBytes || (digests && cut_blocks(tensor, from, room) == 0)) finish();
      const std::uint64_t bytes =
          digests ? cut_blocks(tensor, from, room) : cut(tensor, from, room);
      work.segments.push_back({i, from, bytes});
      work.bytes += bytes;
      room -= bytes;
      from += bytes;
    }
    position = tensor.offset + tensor.bytes;
  }
  finish();
  work.repeated.resize(work.segments.size());
}

}  // namespace shardwright
