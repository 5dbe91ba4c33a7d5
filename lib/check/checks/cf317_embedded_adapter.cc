// CF317: an adapter lies beside the model, and is loaded with it.
// docs/checks/CF317-embedded-adapter.md
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/purpose.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr std::string_view kBefore = "base_model.model.";
constexpr std::string_view kFirst = ".lora_A.weight";

const Shard* adapter_weights(const Checkpoint& checkpoint) {
  const auto found = std::ranges::find(checkpoint.shards, kAdapterWeights, &Shard::file);
  return found == checkpoint.shards.end() || !found->present ? nullptr : &*found;
}

bool is_usable(const Shard& shard) {
  return shard.header && shard.header->usable();
}

// The rank that all modules have; none of another method than LoRA, or with ranks by module.
std::optional<std::uint64_t> rank_of(const json::Value& config) {
  const json::Value* type = config.find("peft_type");
  if (type == nullptr || type->string() == nullptr || *type->string() != "LORA") return {};
  const json::Value* pattern = config.find("rank_pattern");
  if (pattern != nullptr && pattern->object() != nullptr && !pattern->object()->empty()) return {};
  const json::Value* rank = config.find("r");
  const auto number = rank == nullptr ? std::nullopt : rank->whole_number();
  if (!number || *number <= 0) return {};
  return static_cast<std::uint64_t>(*number);
}

std::string other_rank(const json::Value& config, const safetensors::Header& header) {
  const auto rank = rank_of(config);
  if (!rank) return {};
  for (const safetensors::TensorEntry& entry : header.tensors) {
    if (!entry.name.ends_with(kFirst) || entry.shape.size() != 2 || entry.shape[0] == *rank)
      continue;
    return fmt::format("{} has rank {}, and {} says {}", quoted(entry.name), entry.shape[0],
                       quoted(kAdapterConfig), *rank);
  }
  return {};
}

// Modules that the adapter changes and the model has not. Where it has none of them, the names are
// those of another version of the class, which the loader may know.
std::vector<std::string_view> absent_modules(const Checkpoint& checkpoint,
                                             const safetensors::Header& header) {
  std::vector<std::string_view> absent;
  bool any = false;
  for (const safetensors::TensorEntry& entry : header.tensors) {
    std::string_view module = entry.name;
    if (!module.starts_with(kBefore) || !module.ends_with(kFirst)) continue;
    module = module.substr(kBefore.size(), module.size() - kBefore.size() - kFirst.size());
    if (checkpoint.find(fmt::format("{}.weight", module)) != nullptr) {
      any = true;
    } else {
      absent.push_back(module);
    }
  }
  if (!any) absent.clear();
  return absent;
}

// Why transformers stops at the adapter.
std::string why_refused(const Checkpoint& checkpoint, const json::Value& config) {
  const Shard* weights = adapter_weights(checkpoint);
  if (weights == nullptr) {
    const bool is_pickled =
        checkpoint.folder && checkpoint.folder->find("adapter_model.bin") != nullptr;
    return is_pickled ? "" : fmt::format("{} is not there", quoted(kAdapterWeights));
  }
  if (weights->foreign == safetensors::ForeignKind::kLfsPointer)
    return fmt::format("{} is a Git LFS pointer", quoted(kAdapterWeights));
  if (!is_usable(*weights)) return fmt::format("{} cannot be read", quoted(kAdapterWeights));
  return other_rank(config, *weights->header);
}

void embedded_adapter(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  const SideFile* file = checkpoint.side_file(kAdapterConfig);
  if (file == nullptr || !file->document || checkpoint.config_value() == nullptr ||
      is_adapter(checkpoint)) {
    return;
  }
  Report finding{.file = std::string(kAdapterConfig)};
  const std::string refused = why_refused(checkpoint, file->document->root);
  if (!refused.empty()) {
    finding.message = fmt::format(
        "{} lies beside the model, and {}: where PEFT is installed, transformers loads the two "
        "together, and stops",
        quoted(kAdapterConfig), refused);
    finding.severity = Severity::kError;
    finding.fix = no_fix(fmt::format("fetch the adapter again, or remove {} where it is not wanted",
                                     quoted(kAdapterConfig)));
    return report(std::move(finding));
  }
  const Shard* weights = adapter_weights(checkpoint);
  std::vector<std::string_view> absent;
  if (weights != nullptr) absent = absent_modules(checkpoint, *weights->header);
  if (!absent.empty()) {
    finding.file = kAdapterWeights;
    finding.message = fmt::format(
        "the adapter beside the model changes {}, which the model has not: transformers loads it "
        "without them",
        some_of(absent));
    finding.severity = Severity::kWarning;
    finding.fix = no_fix("the adapter was made for another model: fetch the one of this model");
    return report(std::move(finding));
  }
  finding.message =
      "an adapter lies beside the model: where PEFT is installed, transformers loads the two "
      "together; one that has been merged into the weights is applied a second time";
  finding.fix = no_fix(
      fmt::format("where it has been merged, remove {} and its weights", quoted(kAdapterConfig)));
  report(std::move(finding));
}

}  // namespace

extern const Check kEmbeddedAdapter;
constinit const Check kEmbeddedAdapter{
    .code = "CF317",
    .name = "embedded-adapter",
    .summary = "an adapter lies beside the model, and is loaded with it",
    .severity = Severity::kInfo,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = embedded_adapter,
};

}  // namespace shardwright
