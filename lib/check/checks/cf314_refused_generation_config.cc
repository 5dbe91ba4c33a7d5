// CF314: generation_config.json has a value that transformers refuses.
// docs/checks/CF314-refused-generation-config.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/generation_settings.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr std::string_view kGenerationConfig = "generation_config.json";

// Settings of sampling that nobody uses without it, with the values that change nothing.
struct SamplingSetting {
  std::string_view key;
  double neutral;
};
constexpr auto kSamplingSettings = std::to_array<SamplingSetting>({{"temperature", 1},
                                                                   {"top_p", 1},
                                                                   {"top_k", 50},
                                                                   {"min_p", -1},
                                                                   {"typical_p", 1},
                                                                   {"epsilon_cutoff", 0},
                                                                   {"eta_cutoff", 0}});

void report_idle_settings(const GenerationSettings& settings, const Reporter& report) {
  if (settings.is_true("do_sample")) return;
  std::vector<std::string> idle;
  for (const SamplingSetting& row : kSamplingSettings) {
    if (const auto value = settings.number(row.key); value && *value != row.neutral)
      idle.emplace_back(row.key);
  }
  if (idle.empty()) return;
  report({.file = std::string(kGenerationConfig),
          .pointer = "/" + idle.front(),
          .message = fmt::format(
              "{} {} set, and 'do_sample' is not true: transformers 5 ignores {}, and "
              "transformers 4 refuses to save the model with 'The generation config instance is "
              "invalid'",
              some_of(idle), idle.size() == 1 ? "is" : "are", idle.size() == 1 ? "it" : "them"),
          .severity = Severity::kInfo,
          .fix = unsafe_fix("set do_sample to true",
                            {edit::SetJson{std::string(kGenerationConfig), "/do_sample", "true"}}),
          .group = "idle"});
}

std::set<std::int64_t> token_ids(const json::Value* value) {
  std::set<std::int64_t> ids;
  if (value == nullptr) return ids;
  const auto add = [&](const json::Value& one) {
    if (const auto id = one.whole_number()) ids.insert(*id);
  };
  if (value->array() == nullptr) {
    add(*value);
  } else {
    std::ranges::for_each(*value->array(), add);
  }
  return ids;
}

// Where both files name tokens, and no token is in both: transformers goes by this one.
void report_other_tokens(const Model& model, const GenerationSettings& settings,
                         const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr) return;
  for (const std::string_view key : {"bos_token_id", "eos_token_id"}) {
    const auto here = token_ids(settings.find(key));
    const auto there = token_ids(config->find(key));
    if (here.empty() || there.empty() ||
        std::ranges::any_of(here, [&](std::int64_t id) { return there.contains(id); }))
      continue;
    report({.file = std::string(kGenerationConfig),
            .pointer = fmt::format("/{}", key),
            .message = fmt::format(
                "'{}' is {} here and {} in {}: transformers goes by this file, and loaders that do "
                "not read it by the other",
                key, json::dump(*settings.find(key)), json::dump(*config->find(key)),
                quoted(model.checkpoint.config->name)),
            .severity = Severity::kInfo,
            .fix = no_fix("copy the value from the model that the weights come from"),
            .group = std::string(key)});
  }
}

void refused_generation_config(const Model& model, const Reporter& report) {
  const SideFile* file = model.checkpoint.side_file(kGenerationConfig);
  if (file == nullptr || !file->document || file->document->root.object() == nullptr) return;
  const GenerationSettings settings(file->document->root);
  for (const RefusedSetting& trouble : refused_settings(settings)) {
    report({.file = std::string(kGenerationConfig),
            .pointer = fmt::format("/{}", trouble.key),
            .message = fmt::format(
                "'{}' is {}, and {}: transformers {}", trouble.key,
                printable(json::dump(*settings.find(trouble.key)), 60), trouble.what,
                trouble.severity == Severity::kError ? "refuses to load the model"
                                                     : "loads it, and refuses to generate"),
            .severity = trouble.severity,
            .fix = no_fix("correct the value, or copy the file from the model that this one was "
                          "made from"),
            .group = std::string(trouble.key)});
  }
  report_idle_settings(settings, report);
  report_other_tokens(model, settings, report);
}

}  // namespace

extern const Check kRefusedGenerationConfig;
constinit const Check kRefusedGenerationConfig{
    .code = "CF314",
    .name = "refused-generation-config",
    .summary = "generation_config.json has a value that transformers refuses",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = refused_generation_config,
};

}  // namespace shardwright
