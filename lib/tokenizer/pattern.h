// What a text is searched for: {"String": " "} or {"Regex": "\\s+"}.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"
#include "tokenizer/regex.h"
#include "tokenizer/split.h"

namespace shardwright {

using Pattern = std::variant<std::string, Regex>;

Result<Pattern> read_pattern(const json::Value& value);

// Cuts texts by one pattern, one after the other.
class PatternScan {
 public:
  explicit PatternScan(const Pattern& pattern);

  // The cuts of a text that is not empty, in the place of those that were there.
  Status cut(std::string_view text, std::vector<TextCut>& cuts);

 private:
  std::variant<std::string_view, RegexScan> scan_;
};

}  // namespace shardwright
