// The vocabulary of a tokenizer.json: which token has which id, as the tokenizers library gives
// them when it loads the file.
//
//   model.vocab    {"a": 0} (BPE, WordPiece, WordLevel) or [["a", -1.5]] (Unigram: ids are
//   positions) added_tokens   [{"id": 5, "content": "<s>", "special": true, ...}]: one that
//   model.vocab has
//                  keeps that id; any other gets the next one, behind model.vocab and behind the
//                  added tokens before it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

// An entry of `added_tokens`.
struct AddedEntry {
  std::string text{};
  std::uint64_t id{};
  bool in_model{};      // model.vocab has it, too
  json::Value entry{};  // as the file has it
};

struct Vocabulary {
  std::string model_type{};                                    // "BPE", "Unigram", ...
  std::vector<std::pair<std::uint64_t, std::string>> model{};  // of model.vocab, by id
  std::vector<AddedEntry> added{};                             // in the file's order
  std::unordered_map<std::string, std::uint64_t> ids{};        // of all tokens

  [[nodiscard]] std::optional<std::uint64_t> find(const std::string& token) const;
  [[nodiscard]] std::uint64_t end() const;   // the largest id + 1; 0 where there is no token
  [[nodiscard]] std::uint64_t next() const;  // the id that one more added token gets
  std::uint64_t added_end{};                 // the largest id of `added` + 1
};

// kMalformed where the text is no tokenizer.json, or gives ids that the library does not give when
// it loads it; the message names the token.
Result<Vocabulary> parse_vocabulary(std::string_view text);

// Adds a token that is no part of the vocabulary yet, with the id that it gets. `entry` is an entry
// of `added_tokens`, whose id is set.
void add_token(Vocabulary& vocabulary, std::string text, json::Value entry);

// The list of `added_tokens` of the vocabulary, as a text to set in a file.
std::string added_tokens_text(const Vocabulary& vocabulary);

// An entry with the settings that transformers gives a token that is added by its text alone.
json::Value plain_entry(std::string_view text);

}  // namespace shardwright
