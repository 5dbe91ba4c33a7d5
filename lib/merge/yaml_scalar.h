// What a scalar of YAML 1.1 means, by PyYAML's rules, and what pydantic makes of a text.
#pragma once

#include <optional>
#include <string_view>

#include "merge/yaml.h"

namespace shardwright {

// Sets the kind and the number of a scalar that stands without quotes, from its text.
void resolve_plain(YamlNode& node);

// A text as a number, as a field that wants one reads it: "0.5", "1e-5", "1_000", also "inf".
std::optional<double> number_of_text(std::string_view text);

// A text as a flag: "true", "Yes", "off", "1", ...
std::optional<bool> flag_of_text(std::string_view text);

}  // namespace shardwright
