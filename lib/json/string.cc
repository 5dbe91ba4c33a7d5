// Strings and places of pull.h.
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright::json {
namespace {

char32_t hex4(std::string_view digits) {
  char32_t code = 0;
  for (const char c : digits.substr(0, 4)) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    code = code * 16 + static_cast<char32_t>(digit);
  }
  return code;
}

char unescaped(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kLetters = "btnvfr";  // from 8 on; \v is not JSON's
  if (c == '"' || c == '\\') {
    out += {'\\', c};
  } else if (c >= '\b' && c <= '\r' && c != '\v') {
    out += {'\\', kLetters[static_cast<std::size_t>(c - '\b')]};
  } else {
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  }
}

// A character of two to four bytes at the start of valid UTF-8, which it takes off.
char32_t take_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t code = lead & (0xFFU >> (length + 1));
  for (const char c : text.substr(1, length - 1))
    code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  text.remove_prefix(length);
  return code;
}

void append_code(std::string& out, char32_t code) {
  if (code >= 0x10000) {
    append_code(out, 0xD800 + ((code - 0x10000) >> 10U));
    code = 0xDC00 + ((code - 0x10000) & 0x3FFU);
  }
  out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
}

// Valid UTF-8 as the inside of a string.
void append_valid(std::string& out, std::string_view text, NonAscii mode) {
  const auto stays = [mode](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && c != '"' && c != '\\' && (byte < 0x7F || mode == NonAscii::kKeep);
  };
  while (!text.empty()) {
    const auto odd = std::ranges::find_if_not(text, stays);
    out.append(text.begin(), odd);
    text.remove_prefix(static_cast<std::size_t>(odd - text.begin()));
    if (text.empty()) break;
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      append_escaped(out, text.front());
      text.remove_prefix(1);
      continue;
    }
    const std::string_view from = text;
    const char32_t code = take_character(text);
    if (mode == NonAscii::kEscape || is_control(code)) {
      append_code(out, code);
    } else {
      out += from.substr(0, from.size() - text.size());
    }
  }
}

}  // namespace

std::string_view token_kind(Token token) {
  switch (token) {
    case Token::kBeginObject:
      return "an object";
    case Token::kBeginArray:
      return "a list";
    case Token::kString:
      return "a string";
    case Token::kNumber:
      return "a number";
    case Token::kTrue:
      return "true";
    case Token::kFalse:
      return "false";
    case Token::kNull:
      return "null";
    default:
      return "no value";
  }
}

std::string decode_string(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  std::size_t at = 0;
  while (at < raw.size()) {
    const std::size_t backslash = std::min(raw.find('\\', at), raw.size());
    out += raw.substr(at, backslash - at);
    if (backslash == raw.size()) break;
    const char letter = raw[backslash + 1];
    at = backslash + 2;
    if (letter != 'u') {
      out += unescaped(letter);
      continue;
    }
    char32_t code = hex4(raw.substr(at));
    at += 4;
    if (code >= 0xD800 && code <= 0xDBFF) {
      code = 0x10000 + ((code - 0xD800) << 10U) + (hex4(raw.substr(at + 2)) - 0xDC00);
      at += 6;
    }
    append_utf8(out, code);
  }
  return out;
}

void append_string(std::string& out, std::string_view text, NonAscii mode) {
  out += '"';
  while (true) {
    const std::size_t bad = find_invalid_utf8(text);
    append_valid(out, text.substr(0, bad), mode);
    if (bad == std::string_view::npos) break;
    append_valid(out, "\xEF\xBF\xBD", mode);
    text.remove_prefix(bad + 1);
  }
  out += '"';
}

std::string place_text(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  // Continuation bytes belong to the character before them.
  const auto column = 1 + std::ranges::count_if(before.substr(start), [](char c) {
                        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
                      });
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace shardwright::json
