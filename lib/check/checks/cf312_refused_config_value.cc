// CF312: a key of the config has a value that transformers refuses.
// docs/checks/CF312-refused-config-value.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "json/value.h"

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

std::uint8_t kind_of(const json::Value& value) {
  if (value.is_null()) return kNull;
  if (value.boolean() != nullptr) return kBool;
  if (value.integer() != nullptr) return kInt;
  if (value.real() != nullptr) return kReal;
  if (value.string() != nullptr) return kString;
  return value.array() != nullptr ? kList : kObject;
}

struct TypedKey {
  std::string_view key;
  int kinds;
  std::string_view expected;
};

// Keys that no rule reads, since no shape depends on them, with the types that transformers 5
// declares for them, which are the same in every class that has them. A whole number is no float
// there.
constexpr auto kTypedKeys = std::to_array<TypedKey>({
    {"attention_dropout", kInt | kReal | kNull, "a number"},
    {"bos_token_id", kInt | kNull, "a whole number or null"},
    {"dtype", kString | kObject | kNull, "the name of a dtype, such as 'bfloat16'"},
    {"eos_token_id", kInt | kList | kNull, "a whole number, a list of them, or null"},
    {"hidden_act", kString, "a name in quotes"},
    {"initializer_range", kReal, "a number with a decimal point"},
    {"max_position_embeddings", kInt, "a whole number"},
    {"pad_token_id", kInt | kNull, "a whole number or null"},
    {"quantization_config", kObject | kNull, "an object"},
    {"rms_norm_eps", kReal, "a number with a decimal point"},
    {"rope_parameters", kObject | kNull, "an object"},
    {"torch_dtype", kString | kNull, "the name of a dtype, such as 'bfloat16'"},
});

// Names of torch's floating-point types; a model of another type cannot be built.
bool is_float_type(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"auto", "bfloat16", "double", "float", "float16", "float32", "float64", "half"});
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("float8_") ||
         name.starts_with("float4_");
}

// The first quantisations had flags of their own in place of a method.
bool names_its_method(const json::Value& quantization) {
  constexpr auto kKeys =
      std::to_array<std::string_view>({"quant_method", "load_in_4bit", "load_in_8bit"});
  return std::ranges::any_of(
      kKeys, [&](std::string_view key) { return quantization.find(key) != nullptr; });
}

std::string shown(const json::Value& value) {
  constexpr std::size_t kMost = 60;
  return printable(json::dump(value), kMost);
}

void refused_config_value(const Model& model, const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr || !model.expected) return;
  // A module beside the weights has a config class of its own.
  if (config->find("auto_map") != nullptr) return;
  const auto refuse = [&](std::string_view key, std::string_view expected) {
    report(
        {.file = model.checkpoint.config->name,
         .pointer = fmt::format("/{}", key),
         .message = fmt::format("'{}' is {}, and has to be {}: transformers 5 refuses the config",
                                key, shown(*config->find(key)), expected),
         .fix = no_fix("correct the value, or compare config.json with that of the model that "
                       "this one was made from"),
         .group = std::string(key)});
  };
  for (const TypedKey& row : kTypedKeys) {
    const json::Value* value = config->find(row.key);
    if (value == nullptr) continue;
    // A class whose own default is a null takes one.
    const json::Value* own = model.expected->schema->defaults.find(row.key);
    if (value->is_null() && own != nullptr && own->is_null()) continue;
    const bool is_dtype = row.key.ends_with("dtype");
    if ((row.kinds & kind_of(*value)) == 0 ||
        (is_dtype && value->string() != nullptr && !is_float_type(*value->string()))) {
      refuse(row.key, row.expected);
    }
  }
  // The config of a text model has none of its own inside; transformers takes one for an object
  // that it made itself.
  const json::Value* inner = config->find("text_config");
  const Schema& schema = *model.expected->schema;
  if (inner != nullptr && !inner->is_null() && schema.example.find("text_config") == nullptr &&
      std::ranges::find(schema.model_types, model.detection.model_type) !=
          schema.model_types.end()) {
    refuse("text_config", "absent in a config of this model_type");
  }
  const json::Value* quantization = config->find("quantization_config");
  if (quantization != nullptr && quantization->object() != nullptr &&
      !names_its_method(*quantization)) {
    refuse("quantization_config", "an object with a 'quant_method'");
  }
}

}  // namespace

extern const Check kRefusedConfigValue;
constinit const Check kRefusedConfigValue{
    .code = "CF312",
    .name = "refused-config-value",
    .summary = "a key of the config has a value that transformers refuses",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = refused_config_value,
};

}  // namespace shardwright
