// Changes one value of a JSON text and keeps every other byte: no reordered keys, no 1e-05
// respelled.
#pragma once

#include <string>
#include <string_view>

#include "shardwright/result.h"

namespace shardwright::json {

// Replaces the value at `pointer` (RFC 6901) with `value` (JSON text); of members with equal keys
// the last, which is the one that counts. Where a key of the pointer is absent from its object,
// inserts it as the object's last member, with the indentation of its neighbours, and an object
// for each key but the last. kNotFound where a step is no element of an array, or what stands there
// is no object or array, kMalformed where the text is no JSON, kInvalidArgument where pointer or
// value is none.
Result<std::string> set_value(std::string_view text, std::string_view pointer,
                              std::string_view value);

// Removes the member or element at `pointer` with its comma, and members of an equal key with it:
// none of them comes to light. Errors as above.
Result<std::string> remove_value(std::string_view text, std::string_view pointer);

// Of the members of the object at `pointer` that have equal keys, keeps the last, which is the one
// that counts, where it stands. Without any the text as it is; errors as above.
Result<std::string> remove_shadowed(std::string_view text, std::string_view pointer);

}  // namespace shardwright::json
