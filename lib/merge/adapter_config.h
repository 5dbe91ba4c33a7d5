// What a PEFT adapter's config says, as far as its weights' meaning depends on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

struct AdapterConfig {
  std::uint64_t rank{};  // `r`
  double alpha{};        // `lora_alpha`
  bool rslora{};         // the scale is alpha / sqrt(r), not alpha / r
  bool dora{};
  bool fan_in_fan_out{};  // the weights are stored as [in, out]
  // Regular expressions of modules, and what they have instead; the first that fits counts.
  std::vector<std::pair<std::string, std::uint64_t>> rank_pattern{};
  std::vector<std::pair<std::string, double>> alpha_pattern{};
  std::vector<std::string> modules_to_save{};
  std::vector<std::string> target_modules{};     // empty where it is one regular expression
  std::vector<std::string> target_parameters{};  // parameters that no module of their own has
  // Tokens whose rows were trained, by the end of the embedding's name; "" is the input embedding.
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> token_indices{};
  std::string base_model{};          // `base_model_name_or_path`
  std::vector<std::string> notes{};  // keys that nobody here knows
};

// kUnsupported where the adapter is none of LoRA, or where its deltas are not those of its pairs
// alone: names the key, and what helps. kMalformed where a key's value cannot be used.
Result<AdapterConfig> read_adapter_config(const json::Value& root);

// Rank and scale of a module by its name in the model. kMalformed for a pattern that is no regular
// expression.
struct AdapterScale {
  std::uint64_t rank{};
  double scale{};
};
Result<AdapterScale> scale_of(const AdapterConfig& config, const std::string& module);

// Whether the name is `end`, or ends in it after a dot.
bool ends_in(std::string_view name, std::string_view end);

}  // namespace shardwright
