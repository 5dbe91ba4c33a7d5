// Values of a quantization_config that transformers refuses, whatever the weights are.
#pragma once

#include <string_view>
#include <vector>

#include "json/value.h"

namespace shardwright {

// Whether transformers finds a method in the settings. The first quantisations had flags of their
// own in place of one.
bool names_its_method(const json::Value& settings);

struct RefusedQuantSetting {
  std::string_view key{};     // "activation_scheme"
  std::string_view wanted{};  // "'dynamic' or 'static'"
};

// Source: transformers 5.23.0, utils/quantization_config.py (FineGrainedFP8Config).
std::vector<RefusedQuantSetting> refused_quant_settings(const json::Value& settings);

}  // namespace shardwright
