// What the files of a tokenizer say of token ids. Input: a line with the tokens that
// tokenizer_config.json names, separated by blanks, then a byte for the file, and its text.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "json/value.h"
#include "tokenizer/facts.h"
#include "tokenizer/piece_list.h"
#include "tokenizer/word_list.h"

namespace {

using namespace shardwright;

TokenizerFacts named(std::string_view line) {
  TokenizerFacts facts;
  for (const std::string_view token : split(line, ' '))
    facts.named.push_back({.key = "eos_token", .content = std::string(token)});
  return facts;
}

void add_json(std::string_view text, bool settings, TokenizerFacts& facts) {
  const auto document = json::parse(text);
  if (!document) return;
  if (settings) {
    add_named_tokens(document->root, facts);
    add_tokenizer_config(document->root, facts);
  } else {
    add_added_tokens(document->root, facts);
  }
}

void add_file(char kind, std::string_view text, TokenizerFacts& facts) {
  switch (kind) {
    case 't':
      return add_tokenizer_json(text, facts);
    case 'v':
      return add_vocabulary_json(text, facts);
    case 'w':
      return add_word_list(text, facts);
    case 'p':
      return add_piece_list("tokenizer.model", text, facts);
    default:
      return add_json(text, kind == 'c', facts);
  }
}

void check(const TokenizerFacts& facts) {
  for (const TokenizerFacts::Broken& broken : facts.broken) {
    PROPERTY(!broken.file.empty() && !broken.error.empty());
    PROPERTY(find_invalid_utf8(broken.error) == std::string_view::npos);
    PROPERTY(broken.start.size() <= TokenizerFacts::kStartBytes);
  }
  for (const auto* top : {&facts.vocabulary_top, &facts.added_top}) {
    if (!*top) continue;
    PROPERTY(!(*top)->file.empty());
    PROPERTY(facts.top() != nullptr && facts.top()->id >= (*top)->id);
  }
  PROPERTY(facts.added_tokens.size() <=
           std::min<std::uint64_t>(facts.added, TokenizerFacts::kMaxAddedTokens));
  for (const AddedToken& token : facts.added_tokens)
    PROPERTY(!token.file.empty() && facts.added_top && token.id <= facts.added_top->id);
  // A token that has an id is one of those that were counted.
  for (const TokenizerFacts::Named& token : facts.named)
    PROPERTY(!token.id || (facts.top() != nullptr && *token.id <= facts.top()->id));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = as_text(data, size);
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos || end + 1 == input.size()) return 0;
  TokenizerFacts facts = named(input.substr(0, end));
  add_file(input[end + 1], input.substr(end + 2), facts);
  check(facts);
  return 0;
}
