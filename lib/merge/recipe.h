// A merge recipe as it was written: what mergekit reads, with the place of everything.
//
// The grammar is docs/recipes.md. Nothing here looks at a model: a recipe that parses may still ask
// for layers or models that are not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/mark.h"
#include "merge/method.h"
#include "shardwright/result.h"

namespace shardwright {

// One thing wrong with a recipe. All of them are told at once.
struct Mistake {
  Mark at{};
  std::string message{};  // one sentence, with the nearest key or method for a misspelled one
};

// `path`, `path@revision`, `path+lora`, or the same as a map. Two are one model where all but
// `text` and `at` agree: "./m" and "m" are two.
struct ModelRef {
  std::string text{};  // as written, or put together from a map
  std::string path{}, revision{};
  std::string lora{}, lora_revision{};  // an adapter that is applied on the fly, or empty
  std::string architecture{};           // `override_architecture`, or empty
  Mark at{};

  friend bool operator==(const ModelRef& a, const ModelRef& b) {
    return a.path == b.path && a.revision == b.revision && a.lora == b.lora &&
           a.lora_revision == b.lora_revision && a.architecture == b.architecture;
  }
};

// The value of a parameter for the tensors whose names contain `filter` ("" and "*": all), as a
// gradient over the layers: one number is the same everywhere. Flags are 0 and 1.
struct Condition {
  std::string filter{};
  std::vector<double> values{};  // at least one
  Mark at{};
};

struct Parameter {
  std::string name{};
  // The first that fits counts; at least one where there are no mistakes.
  std::vector<Condition> conditions{};
  Mark at{};
};
using Parameters = std::vector<Parameter>;  // no name twice

struct LayerRange {
  std::uint64_t begin{}, end{};  // half-open, begin < end
};

struct RecipeSource {
  ModelRef model{};
  std::optional<LayerRange> layers{};  // of an entry of `sources` alone
  Parameters parameters{};
  Mark at{};
};

struct RecipeSlice {
  std::vector<RecipeSource> sources{};
  std::optional<ModelRef> base{};
  Parameters parameters{};
  Mark at{};
};

// What is merged into what: exactly one of the two lists has entries.
struct RecipeBody {
  std::vector<RecipeSource> models{};
  std::vector<RecipeSlice> slices{};
};

struct RecipeModule {
  std::string name{};
  RecipeBody body{};
  Parameters parameters{};
  Mark at{};
};

// Where the embedding of a token comes from.
struct TokenRule {
  std::string token{};
  enum class Kind : std::uint8_t {
    kModel,       // the row of that token in `model`
    kModelToken,  // the row of `source_token`, or of `source_id` where there is one, in `model`
    kZero,
    kDefault,  // as if there were no rule, but the token is part of the result
  };
  Kind kind{};
  ModelRef model{};
  std::string source_token{};
  std::optional<std::uint64_t> source_id{};
  bool force{};  // for every model, also one that knows the token
  Mark at{};
};

struct TokenizerRecipe {
  enum class Kind : std::uint8_t { kUnion, kBase, kModel };
  Kind kind{};
  ModelRef model{};  // of kModel
  std::vector<TokenRule> tokens{};
  std::uint64_t pad_to_multiple_of{};  // 0: no padding
  bool legacy{};                       // written as `tokenizer_source`
  Mark at{};
};

struct Recipe {
  std::string name{};  // of one of several documents; empty: it is the result
  Mark name_at{};
  std::string method{};
  Mark method_at{};
  RecipeBody body{};
  std::vector<RecipeModule> modules{};  // in place of `body`
  std::optional<ModelRef> base{};
  Parameters parameters{};
  std::string dtype{},
      out_dtype{};  // "bfloat16", "float16", "float32", "float64"; empty: as stored
  std::optional<TokenizerRecipe> tokenizer{};
  std::string chat_template{};  // "auto", a name, a file (.jinja), or Jinja text; empty: the base's
  Mark chat_template_at{};
  Mark at{};
};

struct RecipeFile {
  std::vector<Recipe> recipes{};  // the documents that could be read, in order
  // Where there are no mistakes: positions in `recipes`, each after those whose names it refers to;
  // the last is the result. What the result does not need is not among them.
  std::vector<std::size_t> order{};
  std::vector<Mistake> mistakes{};  // in the order of their places; none: all of it can be used
  std::vector<Mistake> notes{};     // what means nothing here, and is passed over with a word
};

// Parses all documents of a recipe, and judges them by the methods that there are and the
// parameters that those take (method_table(), but in tests). Stops at the first mistake only where
// the text is no YAML.
RecipeFile parse_recipe(std::string_view text, std::span<const Method* const> methods);

// The models that it names, each once: those that are merged, the base, those of tokens.
std::vector<ModelRef> models_of(const Recipe& recipe);

// The value of a parameter for a tensor at `t` (0: the first layer, 1: the last) of its slice; none
// where no condition fits. Between two values of a gradient the value is interpolated linearly.
std::optional<double> evaluate(const Parameter& parameter, std::string_view tensor, double t);

}  // namespace shardwright
