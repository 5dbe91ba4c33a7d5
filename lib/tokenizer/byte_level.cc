#include "tokenizer/byte_level.h"

#include <array>
#include <cstdint>

namespace shardwright {
namespace {

// Bytes that are printable characters of Latin-1 stand for themselves; the others, in order, for
// the characters from U+0100 on.
constexpr std::array<std::uint16_t, 256> kByteCharacters = [] {
  std::array<std::uint16_t, 256> table{};
  std::uint16_t next = 0x100;
  for (std::uint16_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    table[byte] = itself ? byte : next++;
  }
  return table;
}();

}  // namespace

void append_byte_level(std::string& out, std::string_view text) {
  for (const char c : text) {
    const unsigned code = kByteCharacters[static_cast<unsigned char>(c)];
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += static_cast<char>(0xC0U | code >> 6U);
      out += static_cast<char>(0x80U | (code & 0x3FU));
    }
  }
}

std::size_t byte_level_size(std::string_view text) {
  std::size_t size = text.size();
  for (const char c : text)
    size += kByteCharacters[static_cast<unsigned char>(c)] < 0x80 ? 0U : 1U;
  return size;
}

}  // namespace shardwright
