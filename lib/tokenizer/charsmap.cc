#include "tokenizer/charsmap.h"

#include <array>
#include <cstddef>

#include "tokenizer/limits.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

// Clusters from this size on are looked up character by character.
constexpr std::size_t kLongCluster = 6;

std::optional<unsigned> base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0' + 52);
  if (c == '+') return 62U;
  if (c == '/') return 63U;
  return std::nullopt;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const auto digit = base64_digit(c);
    if (!digit) return std::nullopt;
    bits = (bits << 6U | *digit) & 0xFFFFU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFFU);
  }
  // What is left over of the last digit is zero.
  if ((bits & ((1U << count) - 1U)) != 0) return std::nullopt;
  return out;
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << 8U * i;
  return value;
}

// A unit of a double array (Darts-clone's form).
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8U & 1U) != 0;
}
std::uint32_t leaf_value(std::uint32_t unit) {
  return unit & 0x7FFFFFFFU;
}
std::uint32_t unit_label(std::uint32_t unit) {
  return unit & 0x800000FFU;
}
std::size_t unit_offset(std::uint32_t unit) {
  return std::size_t{unit >> 10U} << ((unit & 1U << 9U) >> 6U);
}

Error broken_map() {
  return {ErrorCode::kMalformed, "'precompiled_charsmap' is no characters map"};
}

}  // namespace

Result<CharactersMap> CharactersMap::read(std::string_view bytes) {
  if (bytes.size() < 4) return broken_map();
  const std::size_t size = little_endian(bytes, 0);
  if (size % 4 != 0 || size > bytes.size() - 4) return broken_map();
  CharactersMap map;
  map.replacements_ = bytes.substr(4 + size);
  if (find_invalid_utf8(map.replacements_) != std::string_view::npos) return broken_map();
  map.units_.reserve(size / 4);
  for (std::size_t at = 4; at < 4 + size; at += 4)
    map.units_.push_back(little_endian(bytes, at));
  return map;
}

Result<CharactersMap> CharactersMap::read_base64(std::string_view text) {
  const auto bytes = decode_base64(text);
  if (!bytes) return broken_map();
  return read(*bytes);
}

bool CharactersMap::is_closed() const {
  if (units_.empty()) return true;
  if (replacements_.empty() || replacements_.back() != '\0') return false;
  std::vector<bool> seen(units_.size());
  std::vector<std::size_t> open{0};
  seen[0] = true;
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    const std::size_t base = node ^ unit_offset(units_[node]);
    if ((base | 0xFFU) >= units_.size()) return false;
    if (has_leaf(units_[node]) && leaf_value(units_[base]) >= replacements_.size()) return false;
    for (std::size_t byte = 1; byte < 256; ++byte) {
      const std::size_t child = base ^ byte;
      if (unit_label(units_[child]) != byte || seen[child]) continue;
      seen[child] = true;
      open.push_back(child);
    }
  }
  return true;
}

std::optional<std::string_view> CharactersMap::find(std::string_view key) const {
  if (units_.empty()) return std::nullopt;
  std::size_t node = unit_offset(units_.front());
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    node ^= byte;
    if (node >= units_.size()) return std::nullopt;
    const std::uint32_t unit = units_[node];
    if (unit_label(unit) != byte) return std::nullopt;
    node ^= unit_offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const std::size_t begin = leaf_value(units_[node]);
    if (begin > replacements_.size()) return std::nullopt;
    if (begin < replacements_.size() &&
        (static_cast<unsigned char>(replacements_[begin]) & 0xC0U) == 0x80U) {
      return std::nullopt;  // within a character: the map is damaged
    }
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

void CharactersMap::append(std::string& out, std::string_view cluster) const {
  if (cluster.size() < kLongCluster) {
    if (const auto found = find(cluster)) {
      out += *found;
      return;
    }
  }
  for (std::size_t at = 0; at < cluster.size();) {
    const std::string_view part = cluster.substr(at, code_point_at(cluster, at).length);
    out += find(part).value_or(part);
    at += part.size();
  }
}

Result<std::string> CharactersMap::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  std::size_t begin = 0;
  ClusterBreaks breaks;
  for_each_code_point(text, [&](char32_t c, std::size_t at) {
    if (breaks.before(c) && at > begin && out.size() <= kMostTextBytes) {
      append(out, text.substr(begin, at - begin));
      begin = at;
    }
  });
  if (out.size() > kMostTextBytes) return too_long();
  if (begin < text.size()) append(out, text.substr(begin));
  return out;
}

}  // namespace shardwright
