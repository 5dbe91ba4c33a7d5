#include "moe/prompts.h"

#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/value.h"
#include "merge/tokenizer_files.h"
#include "tokenizer/encoder.h"

namespace shardwright {
namespace {

// Those that tokenizer_config.json adds to a tokenizer.model.
std::vector<AddedRule> added_tokens_of(const Checkpoint& model) {
  std::vector<AddedRule> rules;
  const SideFile* file = model.side_file("tokenizer_config.json");
  const json::Value* decoder = file == nullptr || !file->document
                                   ? nullptr
                                   : file->document->root.find("added_tokens_decoder");
  const auto* members = decoder == nullptr ? nullptr : decoder->object();
  if (members == nullptr) return rules;
  for (const json::Member& member : *members) {
    const auto id = parse_u64(member.key);
    const json::Value* content = member.value.find("content");
    if (!id || *id > std::numeric_limits<TokenId>::max() || content == nullptr ||
        content->string() == nullptr) {
      continue;
    }
    rules.push_back({.text = *content->string(),
                     .id = static_cast<TokenId>(*id),
                     .single_word = member.value.says("single_word", true),
                     .left_strip = member.value.says("lstrip", true),
                     .right_strip = member.value.says("rstrip", true)});
  }
  return rules;
}

Result<Encoder> encoder_of(const Checkpoint& model) {
  if (model.folder->find("tokenizer.json") != nullptr) {
    SW_TRY(const std::string text, read_tokenizer_file(model, "tokenizer.json"));
    auto encoder = read_encoder(text);
    if (!encoder) return std::move(encoder).error().within("'tokenizer.json'");
    return encoder;
  }
  if (model.folder->find("tokenizer.model") != nullptr) {
    SW_TRY(const std::string text, read_tokenizer_file(model, "tokenizer.model"));
    auto encoder = read_sentence_piece(text, added_tokens_of(model));
    if (!encoder) return std::move(encoder).error().within("'tokenizer.model'");
    return encoder;
  }
  return Error{ErrorCode::kNotFound, "it has no tokenizer.json and no tokenizer.model"};
}

// "<s>", or {"content": "<s>"}; empty where nothing says it.
std::string first_token(const Checkpoint& model) {
  for (const std::string_view name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const SideFile* file = model.side_file(name);
    const json::Value* token =
        file == nullptr || !file->document ? nullptr : file->document->root.find("bos_token");
    if (token != nullptr && token->object() != nullptr) token = token->find("content");
    if (token != nullptr && token->string() != nullptr) return *token->string();
  }
  return {};
}

Result<std::vector<Prompt>> encode_all(const Encoder& encoder, const std::string& first,
                                       const std::vector<std::string>& texts) {
  std::vector<Prompt> prompts;
  for (const std::string& text : texts) {
    auto tokens = encode(encoder, first + text);
    if (!tokens)
      return std::move(tokens).error().within(fmt::format("the prompt {}", quoted(text)));
    prompts.push_back(*std::move(tokens));
  }
  return prompts;
}

}  // namespace

Result<std::vector<ExpertPrompts>> encode_prompts(const Checkpoint& base, const MoeRecipe& recipe) {
  SW_TRY(const Encoder encoder, encoder_of(base));
  const std::string first = first_token(base);
  std::vector<ExpertPrompts> out;
  for (const auto* list : {&recipe.experts, &recipe.shared}) {
    for (const MoeExpert& expert : *list) {
      if (list == &recipe.shared && expert.positive.empty()) continue;
      ExpertPrompts& prompts = out.emplace_back();
      SW_TRY(prompts.positive, encode_all(encoder, first, expert.positive));
      SW_TRY(prompts.negative, encode_all(encoder, first, expert.negative));
    }
  }
  return out;
}

}  // namespace shardwright
