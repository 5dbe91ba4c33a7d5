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
  kDiffer,
};

struct TieFacts {
  std::string target{}, source{};
  TieBytes bytes{};
};

struct DataFacts {
  bool complete{};                  // every readable tensor was read
  std::vector<ScanResult> scans{};  // one for each Checkpoint::tensors, where complete
  std::vector<TieFacts>
      ties{};  // pairs of which both tensors are stored, with equal dtype and shape
  std::vector<std::string> duplicates_differ{};  // tensors in two shards with different bytes
  std::string error{};                           // reading failed
};

struct DataRequest {
  bool all{};  // read every tensor; otherwise only samples of ties and of tensors stored twice
  int threads{};
  Monitor monitor{};
};

Result<DataFacts> read_data(const Checkpoint& checkpoint, const Expansion* expected,
                            const DataRequest& request);

}  // namespace shardwright
