#include "tokenizer/word_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "json/pull.h"
#include "tokenizer/listed_tokens.h"

namespace shardwright {
namespace {

constexpr std::string_view kWordList = "vocab.txt";

const std::string* text_of(const json::Value* root, std::string_view key) {
  const json::Value* value = root == nullptr ? nullptr : root->find(key);
  return value == nullptr ? nullptr : value->string();
}

bool has_word_class(std::string_view name) {
  constexpr auto kClasses = std::to_array<std::string_view>(
      {"BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast",
       "ElectraTokenizer", "ElectraTokenizerFast"});
  return std::ranges::find(kClasses, name) != kClasses.end();
}

bool has_word_type(std::string_view model_type) {
  constexpr auto kTypes = std::to_array<std::string_view>({"bert", "distilbert", "electra"});
  return std::ranges::find(kTypes, model_type) != kTypes.end();
}

}  // namespace

bool has_word_list(const json::Value* tokenizer_config, const json::Value* config) {
  for (const json::Value* root : {tokenizer_config, config}) {
    if (const std::string* name = text_of(root, "tokenizer_class")) return has_word_class(*name);
  }
  const std::string* type = text_of(config, "model_type");
  return type != nullptr && has_word_type(*type);
}

void add_word_list(std::string_view text, TokenizerFacts& facts) {
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    facts.broken.push_back(
        {.file = std::string(kWordList),
         .error = fmt::format("{}: bytes that are not UTF-8", json::place_text(text, bad)),
         .start = std::string(text.substr(0, TokenizerFacts::kStartBytes))});
    return;
  }
  ListedTokens words(facts);
  for (std::uint64_t line = 0; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view word = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;  // no text holds the empty word
    if (word.find_first_of(" \t") != std::string_view::npos) return;
    words.add(line, word);
  }
  if (words.size() == 0) return;
  facts.model_type = "WordPiece";
  words.settle(kWordList, facts);
}

}  // namespace shardwright
