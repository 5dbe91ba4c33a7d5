// The model card of what is made of other models: README.md with the front matter that the hub
// reads.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/recipe.h"

namespace shardwright {

struct CardFacts {
  std::string title{};
  std::string intro{};  // before the list of models
  std::vector<ModelRef> models{};
  std::optional<ModelRef> base{};
  std::vector<std::string> tags{};
};
// Without a recipe where its text is empty.
std::string model_card(const CardFacts& facts, std::string_view recipe_text);

// `recipes`: the documents that are merged, the result's last; what they make is no model of its
// own.
std::string merge_card(std::span<const Recipe* const> recipes, std::string_view recipe_text);

}  // namespace shardwright
