// What no real tokenizer comes near: a file that would take all memory, or years, is refused.
#pragma once

#include <cstddef>

#include "shardwright/result.h"

namespace shardwright {

// Of a text, whatever a normalizer or a pre-tokenizer makes of it.
inline constexpr std::size_t kMostTextBytes = std::size_t{8} << 20U;
// Of a token that is looked for at each place of a text.
inline constexpr std::size_t kMostTokenBytes = std::size_t{64} << 10U;

// Normalizers, or pre-tokenizers, one after the other.
inline constexpr std::size_t kMostParts = 100;

inline Error too_many_parts() {
  return {ErrorCode::kUnsupported, "more than 100 parts in a sequence are not read here"};
}
inline Error too_long() {
  return {ErrorCode::kUnsupported, "the text grows beyond 8 MiB as its tokenizer prepares it"};
}

}  // namespace shardwright
