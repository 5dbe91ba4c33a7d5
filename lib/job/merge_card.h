// The model card of a merge: README.md with the front matter that the hub reads.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "merge/recipe.h"

namespace shardwright {

// `recipes`: the documents that are merged, the result's last; what they make is no model of its
// own.
std::string merge_card(std::span<const Recipe* const> recipes, std::string_view recipe_text);

}  // namespace shardwright
