// UTF-8: validation, and printing of names that come from files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shardwright {

// Offset of the first byte that is not part of valid UTF-8 (surrogates and overlong forms are not),
// or npos.
std::size_t find_invalid_utf8(std::string_view text);

// Appends the code point, which must be a Unicode scalar value.
void append_utf8(std::string& out, char32_t code_point);

// Control characters, DEL, bidirectional and invisible marks: what a terminal obeys, or hides.
bool is_control(char32_t code_point);

// The text for a message: control characters, DEL, bidirectional marks and invalid bytes become
// \xNN or \u{N}; longer than `limit` bytes is cut with an ellipsis. Safe on any terminal.
std::string printable(std::string_view text, std::size_t limit = 200);

// A path is cut only beyond this length: what is left out could not be found again.
inline constexpr std::size_t kShownPath = 1000;

// 'text', printable and in single quotes.
std::string quoted(std::string_view text, std::size_t limit = 200);

}  // namespace shardwright
