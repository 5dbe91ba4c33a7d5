// The byte level: each byte of a text is a printable character, so that a vocabulary of texts can
// name all bytes. '!' is "!", a space is "Ġ" (U+0120).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shardwright {

void append_byte_level(std::string& out, std::string_view text);

// How many bytes it appends.
std::size_t byte_level_size(std::string_view text);

}  // namespace shardwright
