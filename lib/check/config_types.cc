#include "check/config_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace shardwright {
namespace {

enum Kind : std::uint8_t {
  kNull = 1,
  kBool = 2,
  kInt = 4,
  kReal = 8,
  kString = 16,
  kList = 32,
  kObject = 64,
};

struct TypedKey {
  std::string_view key;
  int kinds;
  std::string_view models;  // "llama mistral", or "!bert" for all but that
};

#define SW_TYPED(key, kinds, models) {key, kinds, models},
constexpr auto kTypedKeys = std::to_array<TypedKey>({
#include "check/config_types.inc"
});
#undef SW_TYPED

// Keys that transformers reads from any config.
constexpr auto kTypedEverywhere = std::to_array<TypedKey>({
    {"dtype", kNull | kString | kObject, ""},
    {"id2label", kNull | kObject, ""},
    {"quantization_config", kNull | kObject, ""},
    {"torch_dtype", kNull | kString, ""},
});

// What the classes without a rule declare for the keys that most have, and those whose class
// computes the key by itself and takes anything. tests/interop/test_unruled.py compares it with the
// classes.
constexpr auto kTypedCommonly = std::to_array<TypedKey>({
    {"head_dim", kNull | kInt,
     "!axk1 blt_global_transformer blt_local_decoder blt_patcher cohere_compass_text d_fine deimv2 "
     "kimi_linear mistral4 musicflamingo pixtral recurrent_gemma youtu"},
    {"hidden_size", kInt,
     "!clap dac dinat donut-swin esmfold2 hiera lightglue maskformer-swin swin swinv2 voxtral "
     "voxtral_realtime"},
    {"initializer_range", kNull | kReal,
     "!granite_speech5_ctc lasr_ctc nemotron_asr_streaming parakeet_ctc parakeet_rnnt parakeet_tdt "
     "t5gemma"},
    {"intermediate_size", kNull | kInt, "!efficientloftr falcon_mamba lightglue mamba"},
    {"layer_norm_eps", kNull | kReal, "!"},
    {"max_position_embeddings", kInt, "!musicflamingo"},
    {"num_attention_heads", kNull | kInt | kList, "!jetmoe maskformer"},
    {"num_hidden_layers", kNull | kInt,
     "!align_vision_model clap efficientnet lxmert maskformer reformer"},
    {"num_key_value_heads", kNull | kInt,
     "!dbrx efficientloftr gpt_bigcode lasr_encoder nemotron_asr_streaming_encoder "
     "parakeet_encoder"},
    {"rms_norm_eps", kReal, "!"},
    {"tie_word_embeddings", kNull | kBool, "!blt_local_encoder csm umt5 vibevoice"},
    {"use_cache", kNull | kBool, "!"},
    {"vocab_size", kNull | kInt, "!t5gemma2 vibevoice"},
});

// transformers 5.23, ACT2FN of activations.py.
constexpr auto kActivations = std::to_array<std::string_view>({"gelu",
                                                               "gelu_10",
                                                               "gelu_accurate",
                                                               "gelu_fast",
                                                               "gelu_new",
                                                               "gelu_python",
                                                               "gelu_python_tanh",
                                                               "gelu_pytorch_tanh",
                                                               "hardswish",
                                                               "laplace",
                                                               "leaky_relu",
                                                               "linear",
                                                               "mish",
                                                               "prelu",
                                                               "quick_gelu",
                                                               "relu",
                                                               "relu2",
                                                               "relu6",
                                                               "sigmoid",
                                                               "silu",
                                                               "sqrtsoftplus",
                                                               "swish",
                                                               "tanh",
                                                               "xielu"});

// transformers 5.23, ALLOWED_ATTN_LAYER_TYPES and the older words of configuration_utils.py.
constexpr auto kLayerTypes = std::to_array<std::string_view>(
    {"attention", "chunked_attention", "compressed_sparse_attention", "conv",
     "deepseek_sparse_attention", "full_attention", "heavily_compressed_attention", "hybrid",
     "hybrid_sliding", "indexed_attention", "linear_attention", "mamba", "minimax_m3_sparse", "moe",
     "qwen_sparse_attention", "reference_sliding_attention", "sliding_attention",
     "window_attention"});

constexpr auto kMlpLayerTypes = std::to_array<std::string_view>({"dense", "sparse"});

// In order, with spaces between.
constexpr std::string_view kModelTypes =
#include "check/model_types.inc"
    ;

template <typename Words>
bool contains_word(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::uint8_t kind_of(const json::Value& value) {
  if (value.is_null()) return kNull;
  if (value.boolean() != nullptr) return kBool;
  if (value.integer() != nullptr) return kInt;
  if (value.real() != nullptr) return kReal;
  if (value.string() != nullptr) return kString;
  // How transformers writes a number that is not finite.
  if (value.find("__float__") != nullptr) return kReal;
  return value.array() != nullptr ? kList : kObject;
}

std::string said_kinds(int kinds) {
  std::vector<std::string_view> words;
  if ((kinds & kInt) != 0) words.emplace_back((kinds & kReal) != 0 ? "a number" : "a whole number");
  if ((kinds & kReal) != 0 && (kinds & kInt) == 0)
    words.emplace_back("a number with a decimal point");
  if ((kinds & kBool) != 0) words.emplace_back("true or false");
  if ((kinds & kString) != 0) words.emplace_back("a text in quotes");
  if ((kinds & kList) != 0) words.emplace_back("a list");
  if ((kinds & kObject) != 0) words.emplace_back("an object");
  if ((kinds & kNull) != 0) words.emplace_back("null");
  if (words.size() == 1) return std::string(words.front());
  const std::string_view last = words.back();
  words.pop_back();
  return fmt::format("{} or {}", fmt::join(words, ", "), last);
}

const TypedKey* row_of_key(std::span<const TypedKey> rows, std::string_view key) {
  const auto row = std::ranges::find(rows, key, &TypedKey::key);
  return row == rows.end() ? nullptr : &*row;
}

const TypedKey* typed_key(std::string_view model_type, std::string_view key) {
  if (const TypedKey* row = row_of_key(kTypedEverywhere, key)) return row;
  const auto rows = std::ranges::equal_range(kTypedKeys, key, {}, &TypedKey::key);
  const auto row = std::ranges::find_if(
      rows, [&](const TypedKey& one) { return is_of_models(one.models, model_type); });
  return row == rows.end() ? nullptr : &*row;
}

std::optional<std::string> other_kinds(const TypedKey* row, const json::Value& value) {
  if (row == nullptr || (row->kinds & kind_of(value)) != 0) return std::nullopt;
  return said_kinds(row->kinds);
}

}  // namespace

bool is_of_models(std::string_view models, std::string_view model_type) {
  if (!models.starts_with('!')) return contains_word(split(models, ' '), model_type);
  return !contains_word(split(models.substr(1), ' '), model_type);
}

std::optional<std::string> wanted_type(std::string_view model_type, std::string_view key,
                                       const json::Value& value) {
  return other_kinds(typed_key(model_type, key), value);
}

std::optional<std::string> commonly_wanted_type(std::string_view model_type, std::string_view key,
                                                const json::Value& value) {
  if (const TypedKey* row = row_of_key(kTypedEverywhere, key)) return other_kinds(row, value);
  const TypedKey* row = row_of_key(kTypedCommonly, key);
  if (row == nullptr || !is_of_models(row->models, model_type)) return std::nullopt;
  return other_kinds(row, value);
}

bool knows_key(std::string_view model_type, std::string_view key) {
  return typed_key(model_type, key) != nullptr;
}

bool is_model_type(std::string_view name) {
  return contains_word(split(kModelTypes, ' '), name);
}
bool is_activation(std::string_view name) {
  return contains_word(kActivations, name);
}
bool is_layer_type(std::string_view name) {
  return contains_word(kLayerTypes, name);
}
bool is_mlp_layer_type(std::string_view name) {
  return contains_word(kMlpLayerTypes, name);
}

}  // namespace shardwright
