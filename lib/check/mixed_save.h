// Whether the shards of a set show that they were not written together. Where names, shapes, dtypes
// and metadata are alike, nothing in the headers tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"

namespace shardwright {

struct MixedSave {
  enum class By : std::uint8_t { kDType, kMetadata };
  By by{};
  std::string first{}, other{};  // files
  std::string what{};            // "all of the one is BF16 and all of the other F32"
};

std::optional<MixedSave> mixed_save(const Checkpoint& checkpoint);

}  // namespace shardwright
