// A vocabulary in memory: token to id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace shardwright {

using TokenId = std::uint32_t;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

using TokenTable = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

inline std::optional<TokenId> find_token(const TokenTable& ids, std::string_view token) {
  const auto found = ids.find(token);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

// "<0x0A>": the token of a byte, in vocabularies that fall back on bytes.
std::string byte_token(unsigned char byte);

}  // namespace shardwright
