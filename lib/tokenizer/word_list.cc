#include "tokenizer/word_list.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright {
namespace {

constexpr std::string_view kWordList = "vocab.txt";
constexpr std::size_t kMaxWord = 256;  // tokens are short, and those that are not are cut

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
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string_view> words = split(text, '\n');
  for (std::string_view& word : words) {
    word = trim(word);
    if (word.find_first_of(" \t") != std::string_view::npos) return;
  }
  // No text holds the empty word.
  while (!words.empty() && words.back().empty())
    words.pop_back();
  if (words.empty()) return;
  facts.model_type = "WordPiece";
  facts.vocabulary = words.size();
  facts.vocabulary_top = {.id = words.size() - 1,
                          .content = std::string(words.back().substr(0, kMaxWord)),
                          .file = std::string(kWordList)};
  for (TokenizerFacts::Named& named : facts.named) {
    // Of equal words the last has the id.
    const auto found = std::find(words.rbegin(), words.rend(), std::string_view(named.content));
    if (found != words.rend()) named.id = static_cast<std::uint64_t>(words.rend() - found) - 1;
  }
}

}  // namespace shardwright
