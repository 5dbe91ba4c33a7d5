// A config file as a tree of texts, lists and tables, with the line of each: what TOML and JSON
// have in common, as far as settings need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

struct SettingsNode {
  enum class Kind : std::uint8_t { kText, kList, kTable, kOther };
  Kind kind{Kind::kOther};
  std::size_t line{};   // of the key, where it has one
  std::string key{};    // of a member of a table
  std::string text{};   // of kText
  std::string other{};  // of kOther: "a number", "null"...
  // Of a list, or the members of a table in the order of the file; equal keys stay, for JSON has
  // them.
  std::vector<SettingsNode> items{};
};

// "a text", "a list", "a table", or what else it is.
std::string_view kind_text(const SettingsNode& node);

inline constexpr std::size_t kMaxSettingsBytes = 1U << 20U;

// kMalformed with "3: what" for what is wrong in line 3. The text may be anything.
Result<SettingsNode> parse_settings_toml(std::string_view text);
Result<SettingsNode> parse_settings_json(std::string_view text);

}  // namespace shardwright
