// Which rule describes a checkpoint, and why.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "arch/catalogue.h"
#include "json/value.h"

namespace shardwright {

enum class DetectedBy : std::uint8_t {
  kNothing,  // no rule: `schema` is null
  kRequest,  // --arch
  kModelType,
  kAlias,    // a known other name, which transformers itself refuses
  kClass,    // architectures[0], or a known other name of it
  kNames,    // the tensors' names, where the config is missing or silent
  kOwnCode,  // no rule: the class comes with the checkpoint's own code (`auto_map`)
};

struct Detection {
  const Schema* schema{};
  DetectedBy by{};
  std::string model_type{};  // as the config has it, or empty
  std::string class_name{};  // architectures[0], or empty
  std::string class_rule{};  // the rule of that class, where it is another than `schema`
  bool is_one_of_several{};  // other rules explain the names as well
  std::string why{};         // one clause for a message: "model_type", "class 'Qwen2ForCausalLM'"
};

// `config` may be null; `names` are the tensors that are there (sampled freely by the caller: a few
// thousand are enough); `requested` is a rule's name or a model type, or empty.
Detection detect(const Catalogue& catalogue, const json::Value* config,
                 std::span<const std::string_view> names, std::string_view requested = {});

}  // namespace shardwright
