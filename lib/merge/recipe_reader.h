// The parts of the readers of recipes, for recipe*.cc and those of moe alone.
//
// A level is a kind of map that a recipe has; a row says what it is called and which keys it takes.
// Mistakes are told to the reader as they are met, and reading goes on without what was wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/recipe.h"
#include "merge/yaml.h"

namespace shardwright::recipe {

// A parameter of the peer that changes no result.
inline constexpr std::string_view kInt8Mask = "int8_mask";

enum class Level : std::uint8_t {
  kRecipe,
  kModule,
  kModel,
  kSlice,
  kSource,
  kCondition,
  kTokenizer,
  kToken,
  kTokenSource,
  kReference,
  kPath,
  kMixture,  // what `moe` reads, and its entries
  kExpert,
};

struct LevelRow {
  Level level{};
  std::string_view what;  // "an entry of 'models'"
  std::span<const std::string_view> keys;
  bool of_mixture{};
};
std::span<const LevelRow> levels();
const LevelRow& row_of(Level level);

struct Reader {
  std::span<const Method* const> methods{};
  const Method* method{};   // of the document, where it is known
  std::size_t documents{};  // also those that could not be read
  RecipeFile file{};
};

void tell(Reader& reader, Mark at, std::string message);
void note(Reader& reader, Mark at, std::string message);
// By place, and what an alias repeats only once.
void sort_by_place(std::vector<Mistake>& mistakes);

// --- messages (recipe_text.cc) -----------------------------------------------------------------

std::string found(const YamlNode& node);  // "the number 5", "a list", "nothing"
std::string or_list(std::span<const std::string_view> words);   // "'a', 'b' or 'c'"
std::string and_list(std::span<const std::string_view> words);  // "a, b and c"
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);
std::vector<std::string_view> methods_taking(const Reader& reader, std::string_view parameter);
// `near`: the key or parameter that it is taken for, where there is one.
std::string unknown_key(const Reader& reader, Level level, std::string_view key,
                        std::optional<std::string_view>& near);
std::string unknown_parameter(const Reader& reader, std::string_view name,
                              std::optional<std::string_view>& near);

// --- values (recipe_values.cc) -----------------------------------------------------------------

struct Member {
  std::string_view name;  // the key as it is spelled right
  const YamlNode* key{};
  const YamlNode* value{};
};

// The members of a map, each key once. A misspelled key is told, and stands here as it was meant,
// so that reading goes on and one mistake is not told as two.
struct Members {
  Mark at{};
  std::vector<Member> known{};
  std::vector<YamlPair> unknown{};

  // None where the key is absent.
  [[nodiscard]] const Member* find(std::string_view name) const;
  // The value of a key, none where it is absent or empty.
  [[nodiscard]] const YamlNode* value(std::string_view name) const;
};
std::optional<Members> read_members(Reader& reader, const YamlNode& node, Level level);

// The pairs of a map whose keys are names that the recipe chooses: texts, none twice.
std::vector<YamlPair> read_named(Reader& reader, const YamlNode& node, std::string_view what);

// The value of a key that must be there and not be empty; told where it is not.
const YamlNode* require(Reader& reader, const Members& members, Level level, std::string_view key);

// Of a key that takes a list with entries.
void tell_no_list(Reader& reader, const Member& member);

std::optional<std::string> read_text(Reader& reader, const YamlNode& node, std::string_view key);
std::optional<double> read_number(Reader& reader, const YamlNode& node, std::string_view key);
std::optional<std::uint64_t> read_whole(Reader& reader, const YamlNode& node, std::string_view key);
std::optional<bool> read_flag(Reader& reader, const YamlNode& node, std::string_view key);

// As they are meant where a field takes them, nothing told.
std::optional<double> as_number(const YamlNode& node);
std::optional<bool> as_flag(const YamlNode& node);

std::optional<ModelRef> read_reference(Reader& reader, const YamlNode& node);
// A model that cannot be told is left blank: its place still counts.
ModelRef reference_or_blank(Reader& reader, const YamlNode& node);

// "bfloat16", also written "torch.bfloat16"; empty where the key is absent or told. Mixtures take
// short names ("bf16"), too.
std::string read_dtype(Reader& reader, const Members& members, std::string_view key,
                       bool short_names = false);

// Each entry of a list under a key, by `read`; told where it is none, or has no entries.
template <typename T, typename Read>
std::vector<T> read_list(Reader& reader, const Member* member, const Read& read) {
  std::vector<T> out;
  if (member == nullptr || member->value->kind == YamlNode::Kind::kNull) return out;
  const YamlNode& node = *member->value;
  if (node.kind != YamlNode::Kind::kList) {
    tell_no_list(reader, *member);
    return out;
  }
  if (node.items.empty()) tell_no_list(reader, *member);
  for (const YamlNode* item : node.items)
    out.push_back(read(reader, *item));
  return out;
}

// --- parameters (recipe_parameters.cc) ---------------------------------------------------------

// `of_model`: those of one model, where what holds for a whole tensor is not looked up.
Parameters read_parameters(Reader& reader, const Members& members, bool of_model);

// --- what holds for a whole recipe (recipe_inputs.cc, recipe_documents.cc) ---------------------

void judge_inputs(Reader& reader, const Recipe& recipe);
void judge_documents(Reader& reader);

}  // namespace shardwright::recipe
