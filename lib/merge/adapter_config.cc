#include "merge/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <regex>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kMostPattern = 1000;  // bytes of a pattern or a name that is matched

enum class KeyUse : std::uint8_t {
  kRead,   // here
  kMute,   // says how the adapter was made or where it goes; its tensors say all that matters
  kForms,  // another form of adapter where it is set
};
struct AdapterKey {
  std::string_view name;
  KeyUse use{};
  std::string_view why{};
};

// The keys of LoraConfig in PEFT 0.21.2.
constexpr AdapterKey kConfigKeys[] = {
    {"alora_invocation_tokens", KeyUse::kForms,
     "an activated LoRA works from a token on, which no weight can express"},
    {"alpha_pattern", KeyUse::kRead},
    {"arrow_config", KeyUse::kForms, "its deltas depend on the input"},
    {"auto_mapping", KeyUse::kMute},
    {"base_model_name_or_path", KeyUse::kRead},
    {"bias", KeyUse::kMute},
    {"corda_config", KeyUse::kMute},
    {"ensure_weight_tying", KeyUse::kMute},
    {"eva_config", KeyUse::kMute},
    {"exclude_modules", KeyUse::kMute},
    {"fan_in_fan_out", KeyUse::kRead},
    {"inference_mode", KeyUse::kMute},
    {"init_lora_weights", KeyUse::kRead},
    {"kasa_config", KeyUse::kForms, "its deltas are not products of two matrices"},
    {"layer_replication", KeyUse::kForms,
     "the base has to get its repeated layers by a merge of 'slices' first"},
    {"layers_pattern", KeyUse::kMute},
    {"layers_to_transform", KeyUse::kMute},
    {"loftq_config", KeyUse::kMute},
    {"lora_alpha", KeyUse::kRead},
    {"lora_bias", KeyUse::kMute},
    {"lora_dropout", KeyUse::kMute},
    {"lora_ga_config", KeyUse::kMute},
    {"megatron_config", KeyUse::kMute},
    {"megatron_core", KeyUse::kMute},
    {"modules_to_save", KeyUse::kRead},
    {"monteclora_config", KeyUse::kForms, "its deltas are drawn at random"},
    {"peft_type", KeyUse::kRead},
    {"peft_version", KeyUse::kMute},
    {"qalora_group_size", KeyUse::kMute},
    {"r", KeyUse::kRead},
    {"rank_pattern", KeyUse::kRead},
    {"revision", KeyUse::kMute},
    {"runtime_config", KeyUse::kMute},
    {"target_modules", KeyUse::kRead},
    {"target_parameters", KeyUse::kRead},
    {"task_type", KeyUse::kMute},
    {"trainable_token_indices", KeyUse::kRead},
    {"use_bdlora", KeyUse::kForms, "its matrices are blocks of a larger one"},
    {"use_dora", KeyUse::kRead},
    {"use_qalora", KeyUse::kForms, "its first matrix works on means of groups"},
    {"use_rslora", KeyUse::kRead},
    {"velora_config", KeyUse::kMute},
};

// Initialisations that take the adapter's first product out of the base's weights.
constexpr std::array<std::string_view, 5> kBaseChanging = {"pissa", "olora", "corda", "loftq",
                                                           "lora_ga"};

bool is_set(const json::Value& value) {
  if (value.is_null()) return false;
  if (const bool* flag = value.boolean()) return *flag;
  if (const auto* list = value.array()) return !list->empty();
  if (const auto* object = value.object()) return !object->empty();
  if (const auto* text = value.string()) return !text->empty();
  return true;
}

Error bad_key(std::string_view key, std::string_view wanted) {
  return {ErrorCode::kMalformed, fmt::format("'{}' is no {}", key, wanted)};
}

std::optional<double> number_of(const json::Value& value) {
  if (const auto* whole = value.integer()) return static_cast<double>(*whole);
  if (const auto* real = value.real(); real != nullptr && std::isfinite(*real)) return *real;
  return std::nullopt;
}

std::optional<std::uint64_t> rank_of(const json::Value& value) {
  const auto whole = value.whole_number();
  if (!whole || *whole < 1) return std::nullopt;
  return static_cast<std::uint64_t>(*whole);
}

Result<bool> read_flag(const json::Value& root, std::string_view key) {
  const json::Value* value = root.find(key);
  if (value == nullptr || value->is_null()) return false;
  if (value->boolean() == nullptr) return bad_key(key, "true or false");
  return *value->boolean();
}

// A list of names; one name where the key allows it.
Result<std::vector<std::string>> read_names(const json::Value& root, std::string_view key) {
  std::vector<std::string> names;
  const json::Value* value = root.find(key);
  if (value == nullptr || value->is_null()) return names;
  if (value->array() == nullptr) return bad_key(key, "list of names");
  for (const json::Value& name : *value->array()) {
    if (name.string() == nullptr) return bad_key(key, "list of names");
    names.push_back(*name.string());
  }
  return names;
}

template <typename T, typename Read>
Status read_pattern(const json::Value& root, std::string_view key, std::string_view wanted,
                    const Read& read, std::vector<std::pair<std::string, T>>& into) {
  const json::Value* value = root.find(key);
  if (value == nullptr || value->is_null()) return ok();
  if (value->object() == nullptr) return bad_key(key, "object of patterns");
  for (const json::Member& member : *value->object()) {
    const auto number = read(member.value);
    if (!number) return bad_key(fmt::format("{}.{}", key, printable(member.key)), wanted);
    into.emplace_back(member.key, *number);
  }
  return ok();
}

Result<std::vector<std::uint64_t>> read_indices(const json::Value& value) {
  std::vector<std::uint64_t> indices;
  if (value.array() == nullptr) return bad_key("trainable_token_indices", "list of token ids");
  for (const json::Value& index : *value.array()) {
    const auto whole = index.whole_number();
    if (!whole || *whole < 0) return bad_key("trainable_token_indices", "list of token ids");
    indices.push_back(static_cast<std::uint64_t>(*whole));
  }
  return indices;
}

Status read_tokens(const json::Value& root, AdapterConfig& config) {
  const json::Value* value = root.find("trainable_token_indices");
  if (value == nullptr || value->is_null()) return ok();
  if (value->object() == nullptr) {
    SW_TRY(auto indices, read_indices(*value));
    config.token_indices.emplace_back("", std::move(indices));
    return ok();
  }
  for (const json::Member& member : *value->object()) {
    SW_TRY(auto indices, read_indices(member.value));
    config.token_indices.emplace_back(member.key, std::move(indices));
  }
  return ok();
}

Status refuse_other_forms(const json::Value& root, AdapterConfig& config) {
  const json::Value* type = root.find("peft_type");
  if (type == nullptr || type->string() == nullptr) return bad_key("peft_type", "name");
  if (*type->string() != "LORA") {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("'peft_type' is {}: LORA alone can be merged here", quoted(*type->string()))};
  }
  for (const json::Member& member : *root.object()) {
    const auto* known = std::ranges::find(kConfigKeys, member.key, &AdapterKey::name);
    const bool unknown = known == std::end(kConfigKeys);
    if (!is_set(member.value)) continue;
    if (!unknown && known->use == KeyUse::kForms) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("'{}' is set: {}", known->name, known->why)};
    }
    if (!unknown) continue;
    // What PEFT calls a variant of LoRA, it calls so.
    if (member.key.starts_with("use_") || member.key.ends_with("_config")) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} is set, which this version does not know: merge the adapter "
                               "with PEFT (merge_and_unload)",
                               quoted(member.key))};
    }
    config.notes.push_back(
        fmt::format("adapter_config.json: {} is not known and passed over", quoted(member.key)));
  }
  const json::Value* init = root.find("init_lora_weights");
  const std::string* name = init == nullptr ? nullptr : init->string();
  const bool changes =
      name != nullptr && std::ranges::any_of(kBaseChanging, [&](std::string_view word) {
        return name->starts_with(word);
      });
  if (changes) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("'init_lora_weights' is {}: the pairs belong to a base whose weights that "
                    "changed; save the adapter with 'path_initial_model_for_weight_conversion', or "
                    "merge it with PEFT (merge_and_unload)",
                    quoted(*name))};
  }
  return ok();
}

template <typename Same>
bool tail_is(std::string_view name, std::string_view end, const Same& same) {
  if (end.empty() || end.size() > name.size()) return false;
  const std::size_t at = name.size() - end.size();
  if (!std::equal(end.begin(), end.end(), name.substr(at).begin(),
                  [&](char wanted, char c) { return same(c, wanted); })) {
    return false;
  }
  return at == 0 || name[at - 1] == '.';
}

// Whether re.match(rf"(.*\.)?({pattern})$", name) finds it, as PEFT asks.
Result<bool> fits(const std::string& pattern, const std::string& name) {
  // Most patterns are names of modules, in which a dot is any character: some adapters list them
  // all.
  if (pattern.find_first_of("\\^$|?*+()[]{}") == std::string::npos) {
    return tail_is(name, pattern, [](char c, char wanted) { return wanted == '.' || c == wanted; });
  }
  const auto bad = [&](std::string_view why) {
    return Error{ErrorCode::kMalformed, fmt::format("the pattern {} {}", quoted(pattern), why)};
  };
  if (pattern.size() > kMostPattern || name.size() > kMostPattern) return bad("is too long");
  try {
    // Time grows with the length alone, whatever a file asks for.
    const std::regex expression("(?:.*\\.)?(?:" + pattern + ")",
                                std::regex::ECMAScript | std::regex_constants::__polynomial);
    return std::regex_match(name, expression);
  } catch (const std::regex_error&) {
    return bad("is no regular expression that this version can follow");
  }
}

}  // namespace

bool ends_in(std::string_view name, std::string_view end) {
  return tail_is(name, end, [](char c, char wanted) { return c == wanted; });
}

Result<AdapterConfig> read_adapter_config(const json::Value& root) {
  AdapterConfig config;
  if (root.object() == nullptr) return Error{ErrorCode::kMalformed, "it is no object"};
  SW_TRY_OK(refuse_other_forms(root, config));
  const json::Value* rank = root.find("r");
  const auto r = rank == nullptr ? std::optional<std::uint64_t>(8) : rank_of(*rank);
  if (!r) return bad_key("r", "whole number above 0");
  config.rank = *r;
  const json::Value* alpha = root.find("lora_alpha");
  const auto a = alpha == nullptr ? std::optional<double>(8) : number_of(*alpha);
  if (!a) return bad_key("lora_alpha", "number");
  config.alpha = *a;
  SW_TRY(config.rslora, read_flag(root, "use_rslora"));
  SW_TRY(config.dora, read_flag(root, "use_dora"));
  SW_TRY(config.fan_in_fan_out, read_flag(root, "fan_in_fan_out"));
  SW_TRY_OK(
      read_pattern(root, "rank_pattern", "whole number above 0", rank_of, config.rank_pattern));
  SW_TRY_OK(read_pattern(root, "alpha_pattern", "number", number_of, config.alpha_pattern));
  SW_TRY(config.modules_to_save, read_names(root, "modules_to_save"));
  SW_TRY(config.target_parameters, read_names(root, "target_parameters"));
  const json::Value* targets = root.find("target_modules");
  if (targets != nullptr && targets->string() == nullptr) {
    SW_TRY(config.target_modules, read_names(root, "target_modules"));
  }
  SW_TRY_OK(read_tokens(root, config));
  const json::Value* base = root.find("base_model_name_or_path");
  if (base != nullptr && base->string() != nullptr) config.base_model = *base->string();
  return config;
}

Result<AdapterScale> scale_of(const AdapterConfig& config, const std::string& module) {
  AdapterScale made{.rank = config.rank, .scale = config.alpha};
  for (const auto& [pattern, rank] : config.rank_pattern) {
    SW_TRY(const bool found, fits(pattern, module));
    if (!found) continue;
    made.rank = rank;
    break;
  }
  for (const auto& [pattern, alpha] : config.alpha_pattern) {
    SW_TRY(const bool found, fits(pattern, module));
    if (!found) continue;
    made.scale = alpha;
    break;
  }
  const auto rank = static_cast<double>(made.rank);
  made.scale /= config.rslora ? std::sqrt(rank) : rank;
  return made;
}

}  // namespace shardwright
