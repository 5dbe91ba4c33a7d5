// What loaders make of a file that is no safetensors file: they take its first bytes for a length.
#pragma once

#include <string_view>

#include "checkpoint/checkpoint.h"

namespace shardwright {

std::string_view what_loaders_print(const Shard& foreign);

}  // namespace shardwright
