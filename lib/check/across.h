// What checks of the inputs of a merge share.
#pragma once

#include <string>
#include <string_view>

#include "check/check.h"
#include "json/value.h"

namespace shardwright {

// The model as messages name it: its path, quoted.
std::string label_of(const Model& model);

// A value of the config, at its top or in text_config; null where it is absent or null.
const json::Value* setting(const Model& model, std::string_view key);

// The value on a line, as the config has it; "none" for null.
std::string setting_text(const json::Value* value);

}  // namespace shardwright
