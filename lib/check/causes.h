// Which check speaks of what: a tensor that one cause explains is no finding of another check.
#pragma once

#include <cstdint>
#include <string_view>

#include "check/join.h"

namespace shardwright {

// AR400 speaks of them: nothing else is said of names then.
bool has_foreign_names(const Join& join);

// What a sharded training run leaves of a tensor: nothing, or one number.
bool is_placeholder_shape(ShapeView stored, ShapeView wanted);

// A buffer that the classes of the rule compute when they are built, which older versions stored
// and loaders pass over. What loaders pass over may be more than that: layers for speculative
// decoding, say.
bool is_computed_buffer(const Join& join, const Tensor& tensor);
// The same by a name, or a pattern of the rule's, alone.
bool is_buffer_name(std::string_view name);

// Whether a list of the config has an entry for each layer that is stored: then the config's number
// of layers is what is wrong, and the checks of layers say so.
bool counts_stored_layers(const Checkpoint& checkpoint, const Expansion& expected, const Join& join,
                          const ConfigProblem& problem);

enum class MismatchCause : std::uint8_t {
  kNone,        // AR403
  kEmpty,       // AR404: a placeholder of a tensor that is no gate
  kGate,        // ME801: a router, its bias or a shared gate
  kVocabulary,  // TK501: embedding or head with another number of rows
};
MismatchCause explanation_of(const ShapeMismatch& mismatch);

}  // namespace shardwright
