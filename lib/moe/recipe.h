// A recipe for a mixture of experts as it was written: what mergekit-moe reads, with the place of
// everything. Nothing here looks at a model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "merge/mark.h"
#include "merge/recipe.h"
#include "shardwright/result.h"

namespace shardwright {

enum class GateMode : std::uint8_t {
  kHidden,      // what the base has of a prompt's last token, before each layer
  kHiddenMean,  // "hidden_avg": the mean over all tokens
  kEmbedding,   // "cheap_embed": the sum of embeddings
  kRandom,      // normally distributed
  kUniform,     // "uniform_random": uniformly
};
std::string_view gate_mode_name(GateMode mode);  // as recipes have it

struct MoeExpert {
  ModelRef model{};
  std::vector<std::string> positive{}, negative{};  // prompts
  double noise{};                                   // standard deviation of what is added
  double scale = 1;                                 // of the down projection
  Mark at{};
};

struct MoeRecipe {
  ModelRef base{};
  GateMode gate{};
  Mark gate_at{};
  std::string dtype{};  // "bfloat16", ...; empty: that of the base
  std::vector<MoeExpert> experts{}, shared{};
  std::uint64_t per_token = 2;
  Mark per_token_at{};
  std::string architecture{};  // empty: chosen
  Mark architecture_at{};
  Mark at{};
};

struct MoeRecipeFile {
  std::optional<MoeRecipe> recipe{};
  std::vector<Mistake> mistakes{};  // in the order of their places; none: the recipe can be used
};

// The text of a file of prompts.
Result<std::string> read_prompt_file(const std::string& path);

struct MoeRecipeOptions {
  bool allow_all_same{};  // experts of one model under a gate that is made from prompts
  Result<std::string> (*read_prompts)(const std::string& path) = read_prompt_file;
};

MoeRecipeFile parse_moe_recipe(std::string_view text, const MoeRecipeOptions& options = {});

// The models that it names, each once, the base first.
std::vector<ModelRef> models_of(const MoeRecipe& recipe);

}  // namespace shardwright
