// What the bytes of tensors say: the only part of `check` that reads them, once, before the checks
// run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arch/expand.h"
#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"
#include "tensor/norm_change.h"
#include "tensor/row_scan.h"
#include "tensor/scan.h"
#include "tensor/zero_runs.h"

namespace shardwright {

// Of ties in two dtypes of floats it is the numbers that are compared (check/equal_values.h).
enum class TieBytes : std::uint8_t {
  kNotRead,
  kEqualSample,  // a sample of the bytes is equal
  kEqual,        // proven
  kDiffer,       // bytes or shape, or the dtype, too
};

struct TieFacts {
  std::string target{}, source{};
  TieBytes bytes{};
};

struct DataFacts {
  bool complete{};  // every readable tensor was read
  // Where all were asked for or watched, one for each of Checkpoint::tensors; no element was seen
  // of those that are not readable, whose reading failed, or that nobody watched.
  std::vector<ScanResult> scans{};
  // Of tensors that were merged and watched, one for each of Checkpoint::tensors; else empty.
  std::vector<std::optional<NormChange>> norms{};
  // Where they were asked for, one for each of Checkpoint::tensors; none where it was not read
  // whole.
  std::vector<std::optional<Digest>> digests{};
  // With `scans`, one for each of Checkpoint::tensors: the rows of routers that were read.
  std::vector<std::optional<RowFacts>> rows{};
  // Where all were asked for, one for each of Checkpoint::tensors: its long runs of zero bytes.
  std::vector<std::vector<ZeroRun>> zero_runs{};
  std::vector<TieFacts> ties{};  // pairs of which both tensors are stored
  std::vector<std::string>
      duplicates_differ{};  // stored twice, with different bytes, dtype or shape
  // A tensor whose bytes differ in a sample between a single file and the shards of the index
  // beside it; empty where none was seen to.
  std::string sets_differ{};
  std::string error{};  // the first thing that could not be read
};

// What is known of a tensor's bytes already: they were read under another name or in another file.
struct KnownTensor {
  ScanResult scan{};
  Digest digest{};
  std::optional<RowFacts> rows{};
  std::vector<ZeroRun> zero_runs{};
};

struct DataRequest {
  bool all{};      // read every tensor; otherwise only samples of ties and of tensors stored twice
  bool digests{};  // with `all`: digests, too; ties and doubles are then compared by them
  // Without `all`: what was seen of the values as they were written.
  std::function<std::optional<ScanResult>(const Tensor& tensor)> watched{};
  std::function<std::optional<NormChange>(const Tensor& tensor)> norms{};
  // With `digests`: tensors for which this has an answer are not read.
  std::function<std::optional<KnownTensor>(const Tensor& tensor)> known{};
  // A pair that is tied where no rule says so: the positions of target and source.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> tie{};
  int threads{};
  Monitor monitor{};
};

// Reads in buffers that stay in cache, each byte once. `expected` may be null. What cannot be read
// is in `error`; the only Error is kInterrupted.
Result<DataFacts> read_data(const Checkpoint& checkpoint, const Expansion* expected,
                            const DataRequest& request);

}  // namespace shardwright
