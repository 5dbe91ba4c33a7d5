// Changes one value of a JSON text and keeps every other byte: no reordered keys, no 1e-05
// respelled.
#pragma once

#include <string>
#include <string_view>

#include "shardwright/result.h"

namespace shardwright::json {

// Replaces the value at `pointer` (RFC 6901) with `value` (JSON text). Where the last key of the
// pointer is absent from its object, inserts it as the object's last member, with the indentation
// of its neighbours. kNotFound where the parent is absent, kMalformed where the text is no JSON.
Result<std::string> set_value(std::string_view text, std::string_view pointer,
                              std::string_view value);

// Removes the member at `pointer` with its comma.
Result<std::string> remove_value(std::string_view text, std::string_view pointer);

}  // namespace shardwright::json
