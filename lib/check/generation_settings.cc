#include "check/generation_settings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace shardwright {
namespace {

// transformers 5.23, ALL_CACHE_IMPLEMENTATIONS and "paged".
bool is_cache(std::string_view name) {
  constexpr auto kCaches = std::to_array<std::string_view>(
      {"dynamic", "hybrid", "hybrid_chunked", "offloaded", "offloaded_hybrid",
       "offloaded_hybrid_chunked", "offloaded_static", "paged", "quantized", "sliding_window",
       "static"});
  return std::ranges::find(kCaches, name) != kCaches.end();
}

// As Python counts: a flag is a number, too.
std::optional<double> number_of(const json::Value& value) {
  if (value.boolean() != nullptr) return *value.boolean() ? 1 : 0;
  return value.number();
}

// What stands in the way of loading.
void add_refused_settings(const GenerationSettings& settings, std::vector<RefusedSetting>& found) {
  if (const json::Value* most = settings.find("max_new_tokens");
      most != nullptr && number_of(*most).value_or(0) <= 0) {
    found.push_back({"max_new_tokens", "has to be a number greater than 0", Severity::kError});
  }
  if (const json::Value* cache = settings.find("cache_implementation");
      cache != nullptr && (cache->string() == nullptr || !is_cache(*cache->string()))) {
    found.push_back({"cache_implementation", "has to be a kind of cache that transformers has",
                     Severity::kError});
  }
  if (const json::Value* early = settings.find("early_stopping");
      early != nullptr && number_of(*early) != 0 && number_of(*early) != 1 &&
      (early->string() == nullptr || *early->string() != "never")) {
    found.push_back({"early_stopping", "has to be true, false or 'never'", Severity::kError});
  }
  if (settings.find("compile_config") != nullptr) {
    found.push_back({"compile_config", "has to be absent: transformers takes none from a file",
                     Severity::kError});
  }
  const json::Value* sequences = settings.find("num_return_sequences");
  if (sequences == nullptr) return;
  const double beams = settings.number("num_beams").value_or(1);
  const bool several = beams > 1 || settings.is_true("do_sample");
  const auto count = number_of(*sequences);
  if (!count) {
    found.push_back({"num_return_sequences", "has to be a whole number", Severity::kError});
  } else if (beams > 1 && *count > beams) {
    found.push_back({"num_return_sequences", "has to be at most 'num_beams'", Severity::kError});
  } else if (!several && *count > 1) {
    found.push_back({"num_return_sequences",
                     "has to be 1 where 'do_sample' is not true and there are no beams",
                     Severity::kError});
  } else if (several && sequences->real() != nullptr && *count > 1) {
    found.push_back({"num_return_sequences", "has to be a whole number", Severity::kWarning});
  } else if (beams > 1 && *count == 0) {
    found.push_back({"num_return_sequences", "has to be at least 1", Severity::kWarning});
  }
}

bool all_of(const json::Value& value, bool (*sound)(const json::Value&)) {
  return value.array() != nullptr && std::ranges::all_of(*value.array(), sound);
}

bool is_number(const json::Value& value) {
  return number_of(value).has_value();
}
bool is_id(const json::Value& value) {
  return value.integer() != nullptr && *value.integer() >= 0;
}
bool are_numbers(const json::Value& value) {
  return all_of(value, is_number);
}
bool are_ids(const json::Value& value) {
  return all_of(value, is_id);
}
bool is_token(const json::Value& value) {
  return is_number(value) ||
         all_of(value, [](const json::Value& one) { return one.string() == nullptr; });
}
bool is_forced_token(const json::Value& value) {
  return is_id(value) || are_ids(value);
}
// Where 20.0 is no number of tokens; what is not above 0 is not looked at.
bool is_size(const json::Value& value) {
  return value.real() == nullptr ? is_number(value) : *value.real() <= 0;
}
bool is_beams(const json::Value& value) {
  return number_of(value).value_or(0) >= 1 && (value.real() == nullptr || *value.real() == 1);
}
bool is_penalty(const json::Value& value) {
  return number_of(value) == 1 || (value.real() != nullptr && *value.real() > 0);
}
bool are_words(const json::Value& value) {
  return all_of(value, are_ids) && !value.array()->empty();
}
bool is_bias(const json::Value& value) {
  const json::Value::Array* pair = value.array();
  return pair != nullptr && pair->size() == 2 && are_ids(pair->front()) &&
         pair->back().real() != nullptr;
}
bool are_biases(const json::Value& value) {
  return all_of(value, is_bias) && !value.array()->empty();
}
bool is_decay(const json::Value& value) {
  return are_numbers(value) && value.array()->size() >= 2;
}
bool is_not_number(const json::Value& value) {
  return !is_number(value);
}
bool has_no_text(const json::Value& value) {
  return value.string() == nullptr && (value.array() == nullptr || is_token(value));
}
bool are_tokens(const json::Value& value) {
  return is_not_number(value) && has_no_text(value);
}
bool is_top_k(const json::Value& value) {
  return value.real() == nullptr ? number_of(value).value_or(-1) >= 0 : *value.real() == 0;
}
bool is_above_0(const json::Value& value) {
  return is_number(value) && !(*number_of(value) <= 0);
}
bool is_not_below_0(const json::Value& value) {
  return is_number(value) && !(*number_of(value) < 0);
}
bool is_share(const json::Value& value) {
  const double share = number_of(value).value_or(-1);
  return share >= 0 && share <= 1;
}
bool is_share_above_0(const json::Value& value) {
  return is_share(value) && *number_of(value) > 0;
}

enum class Mode : std::uint8_t { kAny, kSampling, kBeams };

// What transformers 5.23 asks of a setting that the mode of the file uses.
struct SettingRule {
  std::string_view key;
  bool (*is_sound)(const json::Value&);
  std::string_view what;
  Mode mode{Mode::kAny};
  Severity severity{Severity::kWarning};
};
constexpr std::string_view kToken = "has to be the number of a token";
constexpr std::string_view kTokens = "has to be a list of tokens";
constexpr std::string_view kNumber = "has to be a number";
constexpr std::string_view kSize = "has to be a whole number";
constexpr std::string_view kPenalty = "has to be a number greater than 0 with a decimal point";
constexpr std::string_view kShare = "has to be between 0 and 1";
constexpr auto kSettingRules = std::to_array<SettingRule>({
    {"pad_token_id", is_number, kToken, Mode::kAny, Severity::kError},
    {"suppress_tokens", is_not_number, kTokens, Mode::kAny, Severity::kError},
    {"eos_token_id", is_token, kToken},
    {"bos_token_id", is_token, kToken},
    {"decoder_start_token_id", is_token, kToken},
    {"forced_eos_token_id", is_forced_token, kToken},
    {"suppress_tokens", has_no_text, kTokens},
    {"begin_suppress_tokens", are_tokens, kTokens},
    {"bad_words_ids", are_words, "has to be a list of lists of tokens that is not empty"},
    {"sequence_bias", are_biases,
     "has to be a list of pairs that is not empty, each of a list of tokens and a number with a "
     "decimal point"},
    {"exponential_decay_length_penalty", is_decay, "has to be a list of two numbers"},
    {"num_beams", is_beams, "has to be a whole number of at least 1"},
    {"repetition_penalty", is_penalty, kPenalty},
    {"encoder_repetition_penalty", is_penalty, kPenalty},
    {"min_length", is_size, kSize},
    {"min_new_tokens", is_size, kSize},
    {"no_repeat_ngram_size", is_size, kSize},
    {"encoder_no_repeat_ngram_size", is_size, kSize},
    {"guidance_scale", is_number, kNumber},
    {"max_time", is_number, kNumber},
    {"length_penalty", is_number, kNumber, Mode::kBeams},
    {"top_k", is_top_k, "has to be a whole number, 0 for all tokens,", Mode::kSampling},
    {"temperature", is_above_0, "has to be greater than 0", Mode::kSampling},
    {"top_p", is_not_below_0, kShare, Mode::kSampling},
    {"min_p", is_share, kShare, Mode::kSampling},
    {"top_h", is_share_above_0, "has to be above 0 and at most 1", Mode::kSampling},
    {"typical_p", is_above_0, kShare, Mode::kSampling},
    {"epsilon_cutoff", is_number, kNumber, Mode::kSampling},
    {"eta_cutoff", is_number, kNumber, Mode::kSampling},
});

bool is_of_mode(const GenerationSettings& settings, Mode mode) {
  if (mode == Mode::kSampling) return settings.is_true("do_sample");
  return mode == Mode::kAny || settings.number("num_beams").value_or(1) > 1;
}

void add_unusable_settings(const GenerationSettings& settings, std::vector<RefusedSetting>& found) {
  for (const SettingRule& rule : kSettingRules) {
    const json::Value* value = settings.find(rule.key);
    if (value == nullptr || !is_of_mode(settings, rule.mode) || rule.is_sound(*value)) continue;
    std::string what(rule.what);
    if (rule.mode == Mode::kSampling) what += " where 'do_sample' is true";
    if (rule.mode == Mode::kBeams) what += " where 'num_beams' is above 1";
    if (rule.key == "temperature") what += "; false is the greedy choice";
    found.push_back({rule.key, std::move(what), rule.severity});
  }
  if (const json::Value* most = settings.find("max_length");
      most != nullptr && settings.find("max_new_tokens") == nullptr &&
      number_of(*most).value_or(0) < 1)
    found.push_back({"max_length", "has to be a number of at least 1", Severity::kWarning});
  // Compared with a number, whatever else is asked for.
  if (const json::Value* most = settings.find("top_k");
      most != nullptr && most->string() != nullptr && !settings.is_true("do_sample"))
    found.push_back({"top_k", std::string(kSize), Severity::kWarning});
}

// Ways of searching that transformers 5 takes from the hub, and only with trust_remote_code.
// Source: transformers 5.23, GenerationConfig.get_generation_mode, GENERATION_MODES_MAPPING.
void add_remote_modes(const GenerationSettings& settings, std::vector<RefusedSetting>& found) {
  const auto need = [&](std::string_view key, std::string_view mode) {
    found.push_back({key,
                     std::string("has to be absent: ") + std::string(mode) +
                         " takes trust_remote_code in transformers 5",
                     Severity::kWarning});
  };
  for (const std::string_view key : {"constraints", "force_words_ids"}) {
    if (settings.find(key) != nullptr) return need(key, "constrained beam search");
  }
  if (settings.number("num_beams").value_or(1) > 1) {
    if (settings.number("num_beam_groups").value_or(1) > 1)
      need("num_beam_groups", "group beam search");
    return;
  }
  constexpr double kDefaultTopK = 50;
  const bool contrastive = !settings.is_true("do_sample") &&
                           settings.number("penalty_alpha").value_or(0) > 0 &&
                           settings.number("top_k").value_or(kDefaultTopK) > 1;
  if (contrastive) {
    need("penalty_alpha", "contrastive search");
  } else if (settings.find("dola_layers") != nullptr) {
    need("dola_layers", "decoding by contrasting layers");
  }
}

}  // namespace

std::vector<RefusedSetting> refused_settings(const GenerationSettings& settings) {
  std::vector<RefusedSetting> found;
  add_refused_settings(settings, found);
  add_unusable_settings(settings, found);
  add_remote_modes(settings, found);
  return found;
}

}  // namespace shardwright
