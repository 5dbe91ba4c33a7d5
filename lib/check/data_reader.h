// Streams tensors on all cores: each scanned once, pairs of them compared on the way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "check/data_facts.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"
#include "tensor/scan.h"
#include "tensor/zero_runs.h"

namespace shardwright {

// Two tensors of one dtype and shape, both readable: positions among the tensors.
struct TensorPair {
  std::uint32_t a{}, b{};
};

struct ReadTensors {
  std::vector<ScanResult> scans{};                // one a tensor; empty where it was not read whole
  std::vector<TieBytes> pairs{};                  // one a pair
  std::vector<std::optional<Digest>> digests{};   // one a tensor, where asked for
  std::vector<std::optional<RowFacts>> rows{};    // one a tensor, where they were watched
  std::vector<std::vector<ZeroRun>> zero_runs{};  // one a tensor
  std::string error{};                            // the first failure in file order
};

// `row_bytes`: for each tensor how long the rows are that are watched; 0 where none are. Those of
// pairs are not. kInterrupted where the monitor stops it.
Result<ReadTensors> read_tensors(std::span<const Tensor> tensors, std::span<const TensorPair> pairs,
                                 std::span<const std::uint64_t> row_bytes,
                                 const DataRequest& request);

// Compares blocks spread over both, the first and the last among them; small tensors whole.
Result<TieBytes> compare_sample(const Tensor& a, const Tensor& b);

}  // namespace shardwright
