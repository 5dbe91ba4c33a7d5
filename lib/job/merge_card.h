// The model card of a merge: README.md with the front matter that the hub reads.
#pragma once

#include <string>
#include <string_view>

#include "merge/recipe.h"

namespace shardwright {

std::string merge_card(const Recipe& recipe, std::string_view recipe_text);

}  // namespace shardwright
