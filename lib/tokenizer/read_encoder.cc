#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/encoder.h"
#include "tokenizer/fields.h"
#include "tokenizer/parts.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {
namespace {

TokenTable token_table(Vocabulary& vocabulary) {
  TokenTable ids;
  ids.reserve(vocabulary.model.size());
  for (auto& [id, token] : vocabulary.model)
    ids.emplace(std::move(token), static_cast<TokenId>(id));
  return ids;
}

// Files of the first versions do not name the type of their model.
std::string type_of(const TokenizerParts& parts) {
  if (const json::Value* type = parts.model.find("type");
      type != nullptr && type->string() != nullptr)
    return *type->string();
  if (parts.merges) return "BPE";
  if (parts.vocab.starts_with('[')) return "Unigram";
  return parts.model.find("max_input_chars_per_word") != nullptr ? "WordPiece" : "WordLevel";
}

Result<TokenModel> read_bpe(const TokenizerParts& parts, Vocabulary& vocabulary) {
  if (!parts.merges) return Error{ErrorCode::kMalformed, "'merges' is absent"};
  const json::Value* dropout = parts.model.find("dropout");
  if (dropout != nullptr && !dropout->is_null()) {
    const double* real = dropout->real();
    const std::int64_t* whole = dropout->integer();
    if ((real == nullptr || *real != 0) && (whole == nullptr || *whole != 0)) {
      return Error{ErrorCode::kUnsupported,
                   "'dropout' makes the tokens of a text random; set it to null"};
    }
  }
  BpeSettings settings;
  SW_TRY(settings.unk_token, optional_text(parts.model, "unk_token"));
  SW_TRY(auto prefix, optional_text(parts.model, "continuing_subword_prefix"));
  SW_TRY(auto suffix, optional_text(parts.model, "end_of_word_suffix"));
  settings.continuing_prefix = std::move(prefix).value_or("");
  settings.end_suffix = std::move(suffix).value_or("");
  SW_TRY(const auto fuse_unk, optional_bool(parts.model, "fuse_unk"));
  SW_TRY(const auto byte_fallback, optional_bool(parts.model, "byte_fallback"));
  SW_TRY(const auto ignore_merges, optional_bool(parts.model, "ignore_merges"));
  settings.fuse_unk = fuse_unk.value_or(false);
  settings.byte_fallback = byte_fallback.value_or(false);
  settings.ignore_merges = ignore_merges.value_or(false);
  SW_TRY(const auto merges, read_merges(*parts.merges));
  SW_TRY(Bpe bpe, Bpe::make(token_table(vocabulary), merges, std::move(settings)));
  return TokenModel(std::move(bpe));
}

Result<TokenModel> read_unigram(const TokenizerParts& parts) {
  std::optional<std::uint64_t> unk;
  const json::Value* value = parts.model.find("unk_id");
  if (value != nullptr && !value->is_null()) {
    const auto id = value->whole_number();
    if (!id || *id < 0) return Error{ErrorCode::kMalformed, "'unk_id' is no id"};
    unk = static_cast<std::uint64_t>(*id);
  }
  SW_TRY(const bool byte_fallback, bool_field(parts.model, "byte_fallback", false));
  SW_TRY(auto scores, read_scores(parts.vocab));
  SW_TRY(Unigram unigram, Unigram::make(std::move(scores), unk, byte_fallback));
  return TokenModel(std::move(unigram));
}

Result<TokenModel> read_word_piece(const TokenizerParts& parts, Vocabulary& vocabulary) {
  WordPieceSettings settings;
  SW_TRY(settings.unk_token, text_field(parts.model, "unk_token"));
  SW_TRY(settings.continuing_prefix, text_field(parts.model, "continuing_subword_prefix"));
  const json::Value* most = parts.model.find("max_input_chars_per_word");
  const auto characters = most == nullptr ? std::nullopt : most->whole_number();
  if (!characters || *characters < 0)
    return Error{ErrorCode::kMalformed, "'max_input_chars_per_word' is no number from 0 up"};
  settings.most_characters = static_cast<std::uint64_t>(*characters);
  return TokenModel(WordPiece(token_table(vocabulary), std::move(settings)));
}

Result<TokenModel> read_word_level(const TokenizerParts& parts, Vocabulary& vocabulary) {
  WordLevel model;
  SW_TRY(model.unk_token, text_field(parts.model, "unk_token"));
  model.ids = token_table(vocabulary);
  return TokenModel(std::move(model));
}

Result<TokenModel> read_model(const TokenizerParts& parts, Vocabulary& vocabulary) {
  const std::string type = type_of(parts);
  const bool list = parts.vocab.starts_with('[');
  if (list != (type == "Unigram"))
    return Error{ErrorCode::kMalformed, fmt::format("the 'vocab' is none of {}", quoted(type))};
  if (type == "BPE") return read_bpe(parts, vocabulary);
  if (type == "Unigram") return read_unigram(parts);
  if (type == "WordPiece") return read_word_piece(parts, vocabulary);
  if (type == "WordLevel") return read_word_level(parts, vocabulary);
  return Error{ErrorCode::kUnsupported,
               fmt::format("the model {}: this type is not read here", quoted(type))};
}

// Sorts the added tokens by where they are found; those that are looked for in normalized text are
// normalized themselves. Of two with the same text the last counts.
Status read_added(const json::Value& list, const Vocabulary& vocabulary, Encoder& encoder) {
  std::vector<AddedRule> plain;
  std::vector<AddedRule> normalized;
  std::unordered_set<std::string> seen;
  const json::Value::Array none;
  const json::Value::Array& entries = list.array() == nullptr ? none : *list.array();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    AddedRule rule;
    SW_TRY(rule.text, text_field(*entry, "content"));
    SW_TRY(rule.single_word, bool_field(*entry, "single_word"));
    SW_TRY(rule.left_strip, bool_field(*entry, "lstrip"));
    SW_TRY(rule.right_strip, bool_field(*entry, "rstrip"));
    SW_TRY(const bool after, bool_field(*entry, "normalized"));
    SW_TRY_OK(bool_field(*entry, "special"));
    const auto id = vocabulary.find(rule.text);
    if (rule.text.empty() || !id || !seen.insert(rule.text).second) continue;
    rule.id = static_cast<TokenId>(*id);
    if (!after) {
      plain.push_back(std::move(rule));
      continue;
    }
    NormalizedText text{.text = rule.text};
    SW_TRY_OK(normalize(encoder.normalizer, text));
    rule.text = std::move(text.text);
    normalized.push_back(std::move(rule));
  }
  std::ranges::reverse(plain);
  std::ranges::reverse(normalized);
  SW_TRY(encoder.added, AddedTokens::make(std::move(plain)));
  SW_TRY(encoder.added_normalized, AddedTokens::make(std::move(normalized)));
  return ok();
}

}  // namespace

Result<Encoder> read_encoder(std::string_view tokenizer_json) {
  SW_TRY(Vocabulary vocabulary, parse_vocabulary(tokenizer_json));
  SW_TRY(const TokenizerParts parts, read_parts(tokenizer_json));
  SW_TRY(std::vector<Normalizer> normalizer, read_normalizer(parts.normalizer));
  SW_TRY(std::vector<PreTokenizer> pre_tokenizer, read_pre_tokenizer(parts.pre_tokenizer));
  SW_TRY(TokenModel model, read_model(parts, vocabulary));
  Encoder encoder{.added = {},
                  .added_normalized = {},
                  .normalizer = std::move(normalizer),
                  .pre_tokenizer = std::move(pre_tokenizer),
                  .model = std::move(model)};
  SW_TRY_OK(read_added(parts.added_tokens, vocabulary, encoder));
  return encoder;
}

Result<Encoder> read_sentence_piece(std::string_view tokenizer_model,
                                    std::vector<AddedRule> added) {
  SW_TRY(SentencePiece model, SentencePiece::read(tokenizer_model));
  for (auto& [text, id] : model.control_tokens()) {
    const bool given = std::ranges::find(added, text, &AddedRule::text) != added.end();
    if (!given) added.push_back({.text = std::move(text), .id = id});
  }
  SW_TRY(AddedTokens tokens, AddedTokens::make(std::move(added)));
  return Encoder{.added = std::move(tokens),
                 .added_normalized = {},
                 .normalizer = {},
                 .pre_tokenizer = {},
                 .model = std::move(model)};
}

}  // namespace shardwright
