// Edits of config.json that several checks propose.
#pragma once

#include <vector>

#include "shardwright/finding.h"

namespace shardwright {

struct Model;

// tie_word_embeddings, and what the class calls it, false everywhere it stands, and at the top
// level where it stands nowhere.
std::vector<Edit> untie_edits(const Model& model);

}  // namespace shardwright
