// Which check speaks of what: a tensor that one cause explains is no finding of another check.
#pragma once

#include <cstdint>

#include "check/join.h"

namespace shardwright {

// AR400 speaks of them: nothing else is said of names then.
bool has_foreign_names(const Join& join);

enum class MismatchCause : std::uint8_t {
  kNone,        // AR403
  kEmpty,       // AR404: an extent is 0 in a tensor that is no gate
  kGate,        // ME801: a router, its bias or a shared gate
  kVocabulary,  // TK501: embedding or head with another number of rows
};
MismatchCause explanation_of(const ShapeMismatch& mismatch);

}  // namespace shardwright
