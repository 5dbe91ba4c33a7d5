// AR422: a buffer is stored that no loader reads.
// docs/checks/AR422-stale-buffer.md
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// GPT-2's number in masked places, which its class knows no more (5.23: its patterns name
// "attn.bias" and "crossattention.bias" alone); that of GPT-NeoX still does.
bool is_complained_of(std::string_view name) {
  return name.ends_with("attn.masked_bias") || name.ends_with("crossattention.masked_bias");
}

void stale_buffer(const Model& model, const Reporter& report) {
  for (const Tensor* tensor : model.join.ignored) {
    if (!is_computed_buffer(model.join, *tensor)) continue;
    const std::string& file = model.checkpoint.shards[tensor->shard].file;
    const bool complains = is_complained_of(tensor->name);
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
                         {edit::DropTensor{file, std::string(tensor->name)}})});
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
