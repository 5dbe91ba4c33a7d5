// The calls that a pickle of tensors needs, and no others. They are described, not made: nothing of
// a file is ever run.
#pragma once

#include <string_view>

#include "pickle/value.h"
#include "shardwright/result.h"

namespace shardwright::pickle {

// The function or class of that name; kUnsupported, with its name, where it is none that rebuilds
// tensors.
Result<Value> find_global(std::string_view module, std::string_view name);

// What a persistent id stands for: a storage. kMalformed where it is none.
Result<Value> find_storage(const Values& values, ValueId id);

// What a call gives: a tensor, or an empty dict.
Result<Value> call(const Values& values, ValueId callable, ValueId arguments);

}  // namespace shardwright::pickle
