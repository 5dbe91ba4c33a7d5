// TK503: the tokenizer's last token does not end a generation.
// docs/checks/TK503-other-end-token.md
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// The token that ends an answer, as the tokenizer's config has it.
const TokenizerFacts::Named* end_token(const Checkpoint& checkpoint) {
  if (!checkpoint.tokenizer) return nullptr;
  const auto& named = checkpoint.tokenizer->named;
  const auto found = std::ranges::find(named, "eos_token", &TokenizerFacts::Named::key);
  return found != named.end() && found->id ? &*found : nullptr;
}

// The ids that end a generation, and the file that says so: generation_config.json alone counts
// where it names any.
struct EndIds {
  std::string_view file{};
  std::vector<std::uint64_t> ids{};
};

EndIds end_ids(std::string_view file, const json::Value& root) {
  EndIds result{.file = file};
  const json::Value* value = root.find("eos_token_id");
  if (value == nullptr) return result;
  const auto add = [&](const json::Value& one) {
    if (const auto id = one.whole_number(); id && *id >= 0)
      result.ids.push_back(static_cast<std::uint64_t>(*id));
  };
  if (value->array() == nullptr) {
    add(*value);
  } else {
    std::ranges::for_each(*value->array(), add);
  }
  return result;
}

EndIds end_ids(const Checkpoint& checkpoint) {
  const SideFile* generation = checkpoint.side_file("generation_config.json");
  if (generation != nullptr && generation->document) {
    EndIds found = end_ids(generation->name, generation->document->root);
    if (!found.ids.empty()) return found;
  }
  return end_ids(checkpoint.config->name, *checkpoint.config_value());
}

void other_end_token(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.config_value() == nullptr || !model.expected) return;
  const TokenizerFacts::Named* token = end_token(checkpoint);
  if (token == nullptr || *token->id >= model.expected->vocabulary.value_or(0)) return;  // TK502
  const EndIds end = end_ids(checkpoint);
  if (end.ids.empty() || std::ranges::find(end.ids, *token->id) != end.ids.end()) return;
  std::vector<std::uint64_t> all = end.ids;
  std::erase_if(all, [&](std::uint64_t id) { return id >= *model.expected->vocabulary; });  // TK502
  all.push_back(*token->id);
  const std::string value =
      all.size() == 1 ? std::to_string(all[0]) : fmt::format("[{}]", fmt::join(all, ", "));
  report(
      {.file = std::string(end.file),
       .pointer = "/eos_token_id",
       .message = fmt::format(
           "the tokenizer ends a text with {}, id {}, and 'eos_token_id' is {}: a model that was "
           "trained to end its answers so does not stop there",
           quoted(token->content), *token->id, fmt::join(end.ids, ", ")),
       .fix = unsafe_fix(fmt::format("set eos_token_id to {}", value),
                         {edit::SetJson{std::string(end.file), "/eos_token_id", value}})});
}

}  // namespace

extern const Check kOtherEndToken;
constinit const Check kOtherEndToken{
    .code = "TK503",
    .name = "other-end-token",
    .summary = "the tokenizer's last token does not end a generation",
    .severity = Severity::kInfo,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = other_end_token,
};

}  // namespace shardwright
