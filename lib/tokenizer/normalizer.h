// The normalizers of a tokenizer.json: what is done to a text before it is cut.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/pattern.h"
#include "tokenizer/unicode.h"

namespace shardwright {

// The text of a segment, as far as it is prepared.
struct NormalizedText {
  std::string text{};
  // How many bytes, from the start, come from the first character of the whole text: a Metaspace
  // may ask for that. None where it was removed.
  std::size_t first_bytes{};
};

struct LowercaseNormalizer {};
struct StripNormalizer {
  bool left{};
  bool right{};
};
struct StripAccentsNormalizer {};
struct NmtNormalizer {};
struct ByteLevelNormalizer {};
struct PrependNormalizer {
  std::string text{};
};
struct ReplaceNormalizer {
  Pattern pattern;
  std::string content{};
};
struct BertNormalizer {
  bool clean_text{};
  bool handle_chinese_chars{};
  bool strip_accents{};
  bool lowercase{};
};

using Normalizer =
    std::variant<NormalForm, LowercaseNormalizer, StripNormalizer, StripAccentsNormalizer,
                 NmtNormalizer, ByteLevelNormalizer, PrependNormalizer, ReplaceNormalizer,
                 BertNormalizer, CharactersMap>;

// What `normalizer` of a tokenizer.json says: none where it is null; those of a sequence in order.
Result<std::vector<Normalizer>> read_normalizer(const json::Value& value);

Status normalize(const std::vector<Normalizer>& normalizers, NormalizedText& text);

}  // namespace shardwright
