// AR422: a buffer is stored that no loader reads.
// docs/checks/AR422-stale-buffer.md
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// Rules of whose classes none has a buffer that ends in "rotary_emb.inv_freq" (5.23): only one that
// has it passes over such names.
constexpr auto kWithoutFrequencies = std::to_array<std::string_view>(
    {"bert", "distilbert", "electra", "gemma3_text", "gemma3n_text", "gemma4_text", "gpt2",
     "lfm2_moe", "nemotron_h", "opt", "roberta", "t5"});

bool has_frequencies(const Model& model) {
  const std::string& rule = model.expected->schema->name;
  if (rule == "granitemoehybrid") {
    const json::Value* config = model.checkpoint.config_value();
    const json::Value* kind = config != nullptr ? config->find("position_embedding_type") : nullptr;
    return kind != nullptr && kind->string() != nullptr && *kind->string() == "rope";
  }
  return std::ranges::find(kWithoutFrequencies, rule) == kWithoutFrequencies.end();
}

// What transformers 5.23 reports as UNEXPECTED: tables of rotary frequencies, which no class names;
// GPT-2's number in masked places, whose class names "attn.bias" and "crossattention.bias" alone.
bool is_complained_of(const Model& model, std::string_view name) {
  constexpr auto kUnknown = std::to_array<std::string_view>(
      {"rotary_emb.cos_cached", "rotary_emb.sin_cached", "rope.freqs", "attn.masked_bias",
       "crossattention.masked_bias"});
  if (name.ends_with("rotary_emb.inv_freq")) return !has_frequencies(model);
  return std::ranges::any_of(kUnknown, [&](std::string_view end) { return name.ends_with(end); });
}

void stale_buffer(const Model& model, const Reporter& report) {
  std::vector<const Tensor*> buffers;
  for (const Tensor* tensor : model.join.ignored) {
    if (is_computed_buffer(model.join, *tensor)) buffers.push_back(tensor);
  }
  const auto passed_over = std::ranges::stable_partition(
      buffers, [&](const Tensor* tensor) { return is_complained_of(model, tensor->name); });
  const bool complains = passed_over.begin() != buffers.begin();
  for (const Tensor* tensor : buffers) {
    const std::string& file = model.checkpoint.shards[tensor->shard].file;
    report(
        {.file = file,
         .tensor = std::string(tensor->name),
         .message = fmt::format(
             "{} {} is a buffer that {} computes by itself: {}, and strict ones refuse it",
             quoted(tensor->name), shape_text(tensor->shape), quoted(model.expected->schema->name),
             complains ? "transformers 5 reports it as UNEXPECTED, other loaders pass over it"
                       : "loaders pass over it"),
         .severity = complains ? std::optional(Severity::kError) : std::nullopt,
         .fix = safe_fix("drop the buffers, which loaders compute anew",
                         {edit::DropTensor{file, std::string(tensor->name)}}),
         .group = "all"});
  }
}

}  // namespace

extern const Check kStaleBuffer;
constinit const Check kStaleBuffer{
    .code = "AR422",
    .name = "stale-buffer",
    .summary = "a buffer is stored that no loader reads",
    .severity = Severity::kInfo,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = stale_buffer,
};

}  // namespace shardwright
