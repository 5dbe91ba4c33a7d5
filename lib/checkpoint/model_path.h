// What the MODEL argument of a command means (docs/cli.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "checkpoint/hub_cache.h"
#include "io/folder.h"
#include "shardwright/result.h"

namespace shardwright {

struct ModelPath {
  CheckpointKind kind{};
  std::string directory{};        // the folder that holds the model
  std::string file{};             // in it, where a file was named
  std::optional<HubId> hub_id{};  // where it was found in the hub cache
};

// kNotFound, kUnsupported for a file that is neither a shard nor an index, kIo.
Result<ModelPath> locate_model(const std::string& path);

// Why a folder without any shard or index is no model, and what helps. `path` as the user gave it.
Error not_a_model(const std::string& path, const Folder& folder);

}  // namespace shardwright
