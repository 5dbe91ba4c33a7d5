// `shardwright inspect` as a library call: what a checkpoint holds, from its headers alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/check_job.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"

namespace shardwright {

struct InspectOptions {
  int threads{};  // 0: all available
};

enum class FileUse : std::uint8_t {
  kLoaded,  // a shard that transformers reads
  kStray,   // a .safetensors file beside those
  kOther,   // config, index, tokenizer...
};

struct InspectedFile {
  std::string name{};  // relative to the model's folder
  FileUse use{};
  std::uint64_t bytes{};  // of the file, through links
  std::uint64_t header_bytes{};
  std::uint64_t tensors{};
  std::vector<std::pair<std::string, std::string>> metadata{};  // of a shard's header
  std::string problem{};  // what it is instead of a shard, or why it could not be read
};

struct InspectedTensor {
  std::string name{};  // raw, as in the header
  DType dtype{};
  std::vector<std::uint64_t> shape{};
  std::size_t file{};          // position in InspectReport::files
  std::uint64_t bytes{};       // 0 where its range in the file is unusable
  std::uint64_t parameters{};  // elements; 0 where they overflow 64 bits
};

struct DTypeTotal {
  DType dtype{};
  std::uint64_t tensors{}, parameters{}, bytes{};
};

struct InspectReport {
  std::string path{};                  // as given
  std::string directory{};             // where it is: for a hub id the snapshot in the cache
  std::vector<InspectedFile> files{};  // loaded ones as loaders read them, strays, others by name
  std::vector<InspectedTensor> tensors{};  // of loaded files, in their order
  std::vector<DTypeTotal> dtypes{};        // the one with the most bytes first
  std::uint64_t parameters{};              // of all tensors
  std::uint64_t tensor_bytes{};
};

// kNotFound, kUnsupported and kIo as every command that takes a MODEL.
Result<InspectReport> inspect(const std::string& path, const InspectOptions& options = {});

}  // namespace shardwright
