// The parts of a tokenizer.json that encoding needs, as they stand in the text. It may have 30 MB,
// nearly all of them `vocab` and `merges`: of these there is no tree.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

struct TokenizerParts {
  json::Value added_tokens{};
  json::Value normalizer{};
  json::Value pre_tokenizer{};
  json::Value model{};                       // without `vocab` and `merges`
  std::string_view vocab{};                  // JSON
  std::optional<std::string_view> merges{};  // JSON
};

// `text` must be valid UTF-8, and outlive the parts. kMalformed with the place where it is no
// tokenizer.json, or has a part twice; kUnsupported where it has a part, or a version, that is not
// known.
Result<TokenizerParts> read_parts(std::string_view text);

// ["a b", "c d"] as old files have it, or [["a", "b"], ["c", "d"]].
Result<std::vector<std::pair<std::string, std::string>>> read_merges(std::string_view json);

// [["a", -1.5], ["b", -2]].
Result<std::vector<std::pair<std::string, double>>> read_scores(std::string_view json);

}  // namespace shardwright
