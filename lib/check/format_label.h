// The "format" of a header's metadata: the framework whose names the tensors have.
#pragma once

#include <optional>
#include <string_view>

#include "safetensors/header.h"

namespace shardwright {

inline std::optional<std::string_view> format_label(const safetensors::Header& header) {
  for (const auto& [key, value] : header.metadata) {
    if (key == "format") return value;
  }
  return std::nullopt;
}

}  // namespace shardwright
