// Where two JSON values differ.
#pragma once

#include <functional>
#include <string>

#include "json/value.h"

namespace shardwright {

// A part that says something else, at its JSON pointer; null: that side does not have it.
using JsonDifference =
    std::function<void(const std::string& pointer, const json::Value* a, const json::Value* b)>;

// Calls `found` with each smallest part that differs, in the order of a's members, then of those
// that b alone has. Of equal keys the last counts, 1 and 1.0 are the same, and lists of other
// lengths differ as a whole.
void json_differences(const json::Value& a, const json::Value& b, const std::string& pointer,
                      const JsonDifference& found);

}  // namespace shardwright
