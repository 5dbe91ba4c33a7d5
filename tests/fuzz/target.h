// What every fuzz target includes: the entry point, and PROPERTY for what must hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/panic.h"

#define PROPERTY(condition) SW_CHECK(condition)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace shardwright {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace shardwright
