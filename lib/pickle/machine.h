// The opcodes of a pickle that holds a state dict: protocols 2 to 5, and of them what builds dicts,
// lists, tuples, numbers, text and the calls of rebuild.h. All others are refused by name.
//
// Source: the documentation of Python's pickletools (3.12).
#pragma once

#include <string_view>

#include "pickle/value.h"
#include "shardwright/result.h"

namespace shardwright::pickle {

// The value that the pickle holds, in `values`, which view into `pickle`. Messages name the byte.
// kMalformed where it is broken or cut short, kUnsupported for what is refused. Time and memory
// are linear in the pickle's size.
Result<ValueId> run_pickle(std::string_view pickle, Values& values);

}  // namespace shardwright::pickle
