// MG702: inputs of a merge differ in a size that all their tensors follow.
// docs/checks/MG702-other-sizes.md
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/across.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// Heads are here, too: other heads in tensors of the same shape are other numbers in every row.
constexpr std::array<std::string_view, 16> kSizes = {"hidden_size",
                                                     "d_model",
                                                     "n_embd",
                                                     "intermediate_size",
                                                     "d_ff",
                                                     "n_inner",
                                                     "head_dim",
                                                     "num_attention_heads",
                                                     "num_key_value_heads",
                                                     "num_heads",
                                                     "n_head",
                                                     "num_experts",
                                                     "num_local_experts",
                                                     "n_routed_experts",
                                                     "kv_lora_rank",
                                                     "moe_intermediate_size"};

void other_sizes(const Model& first, const Model& other, const Reporter& report) {
  std::vector<std::string> found;
  for (const std::string_view key : kSizes) {
    const json::Value* wanted = setting(first, key);
    const json::Value* value = setting(other, key);
    if (wanted == nullptr || value == nullptr || json::says_the_same(*wanted, *value)) continue;
    found.push_back(
        fmt::format("{} {} instead of {}", quoted(key), setting_text(value), setting_text(wanted)));
  }
  if (found.empty()) return;
  report({.message = fmt::format("{} has {} of {}: models of different sizes cannot be merged",
                                 label_of(other), fmt::join(found, ", "), label_of(first)),
          .fix = no_fix("merge models of one size")});
}

}  // namespace

extern const Check kOtherSizes;
constinit const Check kOtherSizes{
    .code = "MG702",
    .name = "other-sizes",
    .summary = "inputs of a merge differ in a size that all their tensors follow",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .across = other_sizes,
};

}  // namespace shardwright
