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
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr std::string_view kGenerationConfig = "generation_config.json";

class GenerationSettings {
 public:
  explicit GenerationSettings(const json::Value& root) : root_(root) {}

  [[nodiscard]] const json::Value* find(std::string_view key) const {
    const json::Value* value = root_.find(key);
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  [[nodiscard]] std::optional<double> number(std::string_view key) const {
    const json::Value* value = find(key);
    return value != nullptr ? value->number() : std::nullopt;
  }
  [[nodiscard]] bool is_true(std::string_view key) const {
    const json::Value* value = find(key);
    return value != nullptr && value->boolean() != nullptr && *value->boolean();
  }

 private:
  const json::Value& root_;
};

struct RefusedSetting {
  std::string_view key;
  std::string what{};
  Severity severity{};
};

// transformers 5.23, ALL_CACHE_IMPLEMENTATIONS and "paged".
bool is_cache(std::string_view name) {
  constexpr auto kCaches = std::to_array<std::string_view>(
      {"dynamic", "hybrid", "hybrid_chunked", "offloaded", "offloaded_hybrid",
       "offloaded_hybrid_chunked", "offloaded_static", "paged", "quantized", "sliding_window",
       "static"});
  return std::ranges::find(kCaches, name) != kCaches.end();
}

// What transformers 5.23 stops at when it reads the file, GenerationConfig.validate().
void add_refused_settings(const GenerationSettings& settings, std::vector<RefusedSetting>& found) {
  if (const json::Value* most = settings.find("max_new_tokens");
      most != nullptr && most->number().value_or(0) <= 0) {
    found.push_back({"max_new_tokens", "has to be a number greater than 0", Severity::kError});
  }
  if (const json::Value* cache = settings.find("cache_implementation");
      cache != nullptr && (cache->string() == nullptr || !is_cache(*cache->string()))) {
    found.push_back({"cache_implementation", "has to be a kind of cache that transformers has",
                     Severity::kError});
  }
  if (const json::Value* early = settings.find("early_stopping");
      early != nullptr && early->boolean() == nullptr &&
      (early->string() == nullptr || *early->string() != "never")) {
    found.push_back({"early_stopping", "has to be true, false or 'never'", Severity::kError});
  }
  const auto sequences = settings.number("num_return_sequences");
  if (!sequences || *sequences == 1) return;
  const double beams = settings.number("num_beams").value_or(1);
  if (beams > 1 && *sequences > beams) {
    found.push_back({"num_return_sequences", "has to be at most 'num_beams'", Severity::kError});
  } else if (beams <= 1 && !settings.is_true("do_sample")) {
    found.push_back({"num_return_sequences",
                     "has to be 1 where 'do_sample' is not true and there are no beams",
                     Severity::kError});
  }
}

// What it stops at when it generates.
void add_unusable_settings(const GenerationSettings& settings, std::vector<RefusedSetting>& found) {
  for (const std::string_view key : {"eos_token_id", "bos_token_id", "pad_token_id"}) {
    const json::Value* value = settings.find(key);
    if (value == nullptr || value->whole_number() || (key[0] == 'e' && value->array() != nullptr))
      continue;
    found.push_back({key, "has to be the number of a token", Severity::kWarning});
  }
  if (const json::Value* beams = settings.find("num_beams");
      beams != nullptr && beams->number().value_or(0) < 1) {
    found.push_back({"num_beams", "has to be a number of at least 1", Severity::kWarning});
  }
  if (const json::Value* penalty = settings.find("repetition_penalty");
      penalty != nullptr && penalty->number().value_or(0) <= 0) {
    found.push_back(
        {"repetition_penalty", "has to be a number greater than 0", Severity::kWarning});
  }
  if (!settings.is_true("do_sample")) return;
  if (const json::Value* value = settings.find("top_k");
      value != nullptr && value->whole_number().value_or(-1) < 0) {
    found.push_back({"top_k",
                     "has to be a whole number, 0 for all tokens, where 'do_sample' is true",
                     Severity::kWarning});
  }
  if (const json::Value* value = settings.find("temperature");
      value != nullptr && value->number().value_or(0) <= 0) {
    found.push_back(
        {"temperature",
         "has to be greater than 0 where 'do_sample' is true; false is the greedy choice",
         Severity::kWarning});
  }
  if (const auto value = settings.number("top_p"); value && *value < 0) {
    found.push_back(
        {"top_p", "has to be between 0 and 1 where 'do_sample' is true", Severity::kWarning});
  }
}

// GenerationSettings of sampling that nobody uses without it, with the values that change nothing.
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
  std::vector<RefusedSetting> found;
  add_refused_settings(settings, found);
  add_unusable_settings(settings, found);
  for (const RefusedSetting& trouble : found) {
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
