// How the bytes of tensors are divided among threads. Private to data_reader.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "check/data_reader.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

inline constexpr std::uint64_t kPageBytes = 4096;

// A part of a tensor: whole elements.
struct Segment {
  std::uint32_t tensor{};
  std::uint64_t from{};
  std::uint64_t bytes{};
};

// Segments [begin, end): neighbours in one file; or, of a pair, the same part of both tensors.
struct Unit {
  std::size_t begin{}, end{};
  std::size_t pair{kNoPair};

  static constexpr std::size_t kNoPair = ~std::size_t{0};
};

struct Work {
  std::vector<Segment> segments{};
  std::vector<Unit> units{};
  std::vector<bool> repeated{};  // a segment of a tensor that another pair scans
  std::uint64_t bytes{};
};

// Both tensors of each pair, beside each other; they are `planned` then.
void plan_pairs(std::span<const Tensor> tensors, std::span<const TensorPair> pairs, Work& work,
                std::vector<bool>& planned);

// All others, in the order of the files; for digests in whole blocks of those.
void plan_files(std::span<const Tensor> tensors, Work& work, const std::vector<bool>& planned,
                bool digests);

}  // namespace shardwright
