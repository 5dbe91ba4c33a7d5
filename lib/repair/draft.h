// A shard to come: which tensors it will hold, and where their bytes come from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/assembled.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"
#include "write/planned_file.h"

namespace shardwright {

struct DraftTensor {
  std::string name{};
  DType dtype{};
  Shape shape{};
  const Tensor* stored{};           // the tensor that it was before, name and shape apart; or null
  std::vector<TensorPart> parts{};  // together each byte of it once
};

struct DraftShard {
  std::string from{};                  // the shard that it was; empty: none
  std::string file{};                  // its name to come; empty: it goes
  std::vector<DraftTensor> tensors{};  // in file order
  std::vector<std::pair<std::string, std::string>> metadata{};
  bool rewritten{};  // otherwise its bytes stay, and only its name may change
};

std::uint64_t bytes_of(const DraftTensor& tensor);

// The stored tensor whose bytes it has, from the first to the last; null where there is none.
const Tensor* whole_source(const DraftTensor& tensor);

// The shard as it is, by offset: one that can be written anew (check/relay.h).
DraftShard draft_of(const Checkpoint& checkpoint, std::size_t shard);

// The tensor as it is, under this name.
DraftTensor draft_of(const Tensor& tensor, std::string name);

// The file, laid out without gaps in the draft's order, or in the reference library's where a
// tensor would lie misaligned otherwise, or is made of parts of others. The data starts where most
// bytes keep their offset modulo the block size of file systems. The checkpoint must outlive it.
Result<std::shared_ptr<const PlannedFile>> lay_out(const DraftShard& shard);

}  // namespace shardwright
