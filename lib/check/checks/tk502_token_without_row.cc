// TK502: a token has an id for which the embedding has no row.
// docs/checks/TK502-token-without-row.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// The embedding of the tokens: of several the one that the config's vocabulary counts.
const Tensor* token_rows(const Model& model) {
  if (model.join.unruled) return model.join.unruled->embedding;
  if (!model.expected || !model.expected->vocabulary) return nullptr;
  for (const ExpectedTensor& wanted : model.expected->tensors) {
    if (wanted.role != Role::kEmbedding || wanted.shape.size() != 2 ||
        wanted.shape.front() != *model.expected->vocabulary) {
      continue;
    }
    const Tensor* stored = model.checkpoint.find(wanted.name);
    if (stored != nullptr && same_shape(stored->shape, wanted.shape)) return stored;
  }
  return nullptr;
}

// What stands for a picture or a sound is replaced before the embedding sees it: text models of a
// family share the tokenizer of those that look and listen (gemma3's '<image_soft_token>').
bool is_placeholder(std::string_view token) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"image", "audio", "video", "vision", "img"});
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return token.find(word) != std::string_view::npos; });
}

// The first token without a row, and how many there are.
struct Beyond {
  std::optional<TokenizerFacts::Token> first{};
  std::vector<std::string> names{};
};

Beyond tokens_beyond(const TokenizerFacts& facts, std::uint64_t rows) {
  Beyond beyond;
  std::map<std::uint64_t, std::string> seen;
  for (const AddedToken& token : facts.added_tokens) {
    if (token.id < rows || is_placeholder(token.content) ||
        !seen.emplace(token.id, token.content).second) {
      continue;
    }
    if (!beyond.first || token.id < beyond.first->id)
      beyond.first = {.id = token.id, .content = token.content, .file = token.file};
  }
  if (facts.vocabulary_top && facts.vocabulary_top->id >= rows &&
      !is_placeholder(facts.vocabulary_top->content)) {
    seen.emplace(facts.vocabulary_top->id, facts.vocabulary_top->content);
    if (!beyond.first) beyond.first = facts.vocabulary_top;
  }
  for (auto& [id, content] : seen)
    beyond.names.push_back(std::move(content));
  return beyond;
}

void report_tokens(const Tensor& embedding, const TokenizerFacts& facts, const Reporter& report) {
  const std::uint64_t rows = embedding.shape.front();
  const Beyond beyond = tokens_beyond(facts, rows);
  if (!beyond.first) return;
  report(
      {.file = beyond.first->file,
       .message = fmt::format(
           "{} has the id {}, and {} has {} rows, for ids up to {}{}: a text that holds it stops "
           "transformers with an index error, and llama.cpp stops or leaves it out",
           quoted(beyond.first->content), beyond.first->id, quoted(embedding.name), rows, rows - 1,
           beyond.names.size() == 1 ? std::string()
                                    : fmt::format(" ({} such tokens)", beyond.names.size())),
       .fix = no_fix("take the tokenizer's files from the model that the weights come from, or "
                     "resize the embedding (resize_token_embeddings)"),
       .group = "tokens",
       .places = beyond.names});
}

// transformers adds what the tokenizer's config names and its vocabulary has not, behind the last
// id.
void report_added(const Tensor& embedding, const TokenizerFacts& facts, const Reporter& report) {
  if (facts.vocabulary == 0 || !facts.broken.empty()) return;
  std::uint64_t id = facts.top()->id;
  for (const TokenizerFacts::Named& named : facts.named) {
    if (named.id || is_placeholder(named.content)) continue;
    if (++id < embedding.shape.front()) continue;
    report(
        {.file = "tokenizer_config.json",
         .pointer = "/" + json::pointer_step(named.key),
         .message = fmt::format(
             "'{}' is {}, which the vocabulary has not: transformers gives it the id {}, and {} "
             "has {} rows: a text that holds it stops with an index error",
             named.key, quoted(named.content), id, quoted(embedding.name), embedding.shape.front()),
         .fix = no_fix("take the tokenizer's files from the model that the weights come from, "
                       "or resize the embedding (resize_token_embeddings) and train the row"),
         .group = named.key});
  }
}

// The ids of a setting: a number, a list, or lists in lists, with numbers of other kinds among
// them.
void add_ids(const json::Value& value, std::vector<std::int64_t>& ids, int depth = 0) {
  constexpr int kDeepest = 3;
  if (depth < 2) {
    if (const auto id = value.whole_number()) ids.push_back(*id);
  } else if (value.integer() != nullptr) {
    ids.push_back(*value.integer());
  }
  if (value.array() == nullptr || depth == kDeepest) return;
  for (const json::Value& one : *value.array())
    add_ids(one, ids, depth + 1);
}

enum class Asks : std::uint8_t {
  kTokenizer,  // without one the ids are a class's defaults, or nobody's
  kNothing,
  kDecoder,  // beside an encoder
};
struct IdSetting {
  std::string_view key;
  Asks asks{};
  bool in_config{};  // counts in config.json, too
  std::string_view effect;
};
constexpr std::string_view kFirstOfDecoder = "decoder_start_token_id";
constexpr std::string_view kFirst = "generation that begins with it stops with an index error";
constexpr std::string_view kBiased = "transformers refuses to generate";
constexpr auto kIdSettings = std::to_array<IdSetting>({
    {"bos_token_id", Asks::kTokenizer, true, kFirst},
    {"eos_token_id", Asks::kTokenizer, true,
     "the model never gives this token, and never stops by it"},
    {"pad_token_id", Asks::kTokenizer, false,
     "a batch of texts of different lengths stops with an index error"},
    {kFirstOfDecoder, Asks::kDecoder, true, kFirst},
    {"forced_bos_token_id", Asks::kDecoder, false, kFirst},
    {"forced_eos_token_id", Asks::kNothing, false,
     "generation that reaches its length stops with an index error"},
    {"bad_words_ids", Asks::kNothing, false, kBiased},
    {"sequence_bias", Asks::kNothing, false, kBiased},
});

// `value` is what a file says of it. A saved generation_config.json repeats what config.json or the
// class says: another id was written by somebody.
bool is_asked(const Model& model, const IdSetting& setting, const json::Value& value) {
  const json::Value& config = *model.checkpoint.config_value();
  if (setting.asks == Asks::kNothing) return true;
  if (setting.asks == Asks::kDecoder) return config.says("is_encoder_decoder", true);
  if (model.checkpoint.tokenizer) return true;
  const json::Value* other = config.find(setting.key);
  return other != nullptr && json::dump(*other) != json::dump(value);
}

void report_ids(const Model& model, const Tensor& embedding, const std::string& file,
                const json::Value& root, const Reporter& report) {
  const auto rows = static_cast<std::int64_t>(embedding.shape.front());
  const bool is_config = file == model.checkpoint.config->name;
  for (const IdSetting& setting : kIdSettings) {
    const json::Value* value = root.find(setting.key);
    if (value == nullptr || (is_config && !setting.in_config) || !is_asked(model, setting, *value))
      continue;
    std::vector<std::int64_t> ids;
    add_ids(*value, ids);
    // Of another token a number below 0 says that there is none.
    const bool is_row = setting.key == kFirstOfDecoder;
    const auto found = std::ranges::find_if(
        ids, [&](std::int64_t id) { return id >= rows || (is_row && id < 0); });
    if (found == ids.end()) continue;
    report({.file = file,
            .pointer = fmt::format("/{}", setting.key),
            .message = fmt::format("'{}' {} {}, and {} has {} rows, for ids up to {}: {}",
                                   setting.key, setting.effect == kBiased ? "names" : "is", *found,
                                   quoted(embedding.name), rows, rows - 1, setting.effect),
            .fix = no_fix("copy the value from the model that the weights come from"),
            .group = std::string(setting.key)});
  }
}

void token_without_row(const Model& model, const Reporter& report) {
  const Tensor* rows = token_rows(model);
  if (rows == nullptr) return;
  if (model.checkpoint.tokenizer) {
    report_tokens(*rows, *model.checkpoint.tokenizer, report);
    report_added(*rows, *model.checkpoint.tokenizer, report);
  }
  report_ids(model, *rows, model.checkpoint.config->name, *model.checkpoint.config_value(), report);
  const SideFile* generation = model.checkpoint.side_file("generation_config.json");
  if (generation != nullptr && generation->document)
    report_ids(model, *rows, generation->name, generation->document->root, report);
}

}  // namespace

extern const Check kTokenWithoutRow;
constinit const Check kTokenWithoutRow{
    .code = "TK502",
    .name = "token-without-row",
    .summary = "a token has an id for which the embedding has no row",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = token_without_row,
};

}  // namespace shardwright
