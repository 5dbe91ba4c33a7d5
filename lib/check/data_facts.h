// What the bytes of tensors say: the only part of `check` that reads them, once, before the checks
// run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"
#include "tensor/scan.h"

namespace shardwright {

enum class TieBytes : std::uint8_t {
  kNotRead,
  kEqualSample,  // a sample of the bytes is equal
  kEqual,        // proven
  kDiffer,       // bytes, dtype or shape
};

struct TieFacts {
  std::string target{}, source{};
  TieBytes bytes{};
};

struct DataFacts {
  bool complete{};  // every readable tensor was read
  // Where all were asked for, one for each of Checkpoint::tensors; no element was seen of those
  // that are not readable or whose reading failed.
  std::vector<ScanResult> scans{};
  std::vector<TieFacts> ties{};  // pairs of which both tensors are stored
  std::vector<std::string>
      duplicates_differ{};  // stored twice, with different bytes, dtype or shape
  std::string error{};      // the first thing that could not be read
};

struct DataRequest {
  bool all{};  // read every tensor; otherwise only samples of ties and of tensors stored twice
  int threads{};
  Monitor monitor{};
};

// Reads in buffers that stay in cache, each byte once. `expected` may be null. What cannot be read
// is in `error`; the only Error is kInterrupted.
Result<DataFacts> read_data(const Checkpoint& checkpoint, const Expansion* expected,
                            const DataRequest& request);

}  // namespace shardwright
