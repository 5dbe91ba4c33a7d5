// Several documents in one recipe: each is named by what others call its result.
#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/recipe_reader.h"

namespace shardwright::recipe {
namespace {

// A reference to the result of a document.
struct Use {
  std::size_t document{};
  Mark at{};
};

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

std::vector<Use> uses_of(const std::vector<Recipe>& recipes, const Recipe& recipe) {
  std::vector<Use> out;
  for (const ModelRef& model : models_of(recipe)) {
    if (model.path.empty()) continue;
    const auto named = std::ranges::find(recipes, model.path, &Recipe::name);
    if (named == recipes.end()) continue;
    out.push_back({static_cast<std::size_t>(named - recipes.begin()), model.at});
  }
  return out;
}

// A name becomes that of a folder.
bool is_folder_name(std::string_view name) {
  return name != "." && name != ".." && std::ranges::none_of(name, [](char c) {
           return c == '/' || c == '\\' || (c >= 0 && c < 0x20);
         });
}

// Whether each document is called by a name of its own: only then can be told which needs which.
bool judge_names(Reader& reader) {
  const auto& recipes = reader.file.recipes;
  bool good = true;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const Recipe& recipe = recipes[i];
    const Mark at = recipe.name_at.line > 0 ? recipe.name_at : recipe.at;
    if (recipe.name.empty() && recipe.name_at.line > 0) {  // told already: it is no text
      good = false;
      continue;
    }
    const auto first = std::ranges::find_if(recipes, [&](const Recipe& other) {
      return other.name == recipe.name && (!other.name.empty() || other.name_at.line == 0);
    });
    const auto before = static_cast<std::size_t>(first - recipes.begin());
    if (before < i) good = false;
    if (before < i && recipe.name.empty()) {
      tell(reader, at,
           fmt::format("this document has no name, nor has the one in line {}; all but one, the "
                       "result, need the key 'name'",
                       first->at.line));
    } else if (before < i) {
      tell(reader, at,
           fmt::format("the name {} is that of the document in line {} too", quoted(recipe.name),
                       first->at.line));
    }
    if (!is_folder_name(recipe.name)) {
      tell(reader, at, fmt::format("the name {} is no name for a folder", quoted(recipe.name)));
    }
  }
  return good;
}

// The documents in an order in which they can be merged, from the uses of each.
struct Walk {
  Reader& reader;
  const std::vector<std::vector<Use>>& uses;
  enum class State : char { kNew, kOpen, kDone };
  std::vector<State> states;
  std::vector<std::size_t> open{};
};

std::string round_text(const Walk& walk, std::size_t to) {
  std::string out;
  const auto begin = std::ranges::find(walk.open, to);
  for (auto i = begin; i != walk.open.end(); ++i)
    out += quoted(walk.reader.file.recipes[*i].name, 60) + " needs ";
  return out + quoted(walk.reader.file.recipes[to].name, 60);
}

// What `document` needs, and then itself. Without recursion: a recipe may have many documents.
void visit(Walk& walk, std::size_t document) {
  std::vector<std::size_t> next{0};
  walk.open = {document};
  walk.states[document] = Walk::State::kOpen;
  while (!walk.open.empty()) {
    const std::size_t at = walk.open.back();
    if (next.back() == walk.uses[at].size()) {
      walk.states[at] = Walk::State::kDone;
      walk.reader.file.order.push_back(at);
      walk.open.pop_back();
      next.pop_back();
      continue;
    }
    const Use& use = walk.uses[at][next.back()++];
    if (walk.states[use.document] == Walk::State::kOpen) {
      tell(walk.reader, use.at,
           fmt::format("the documents go round in a circle: {}", round_text(walk, use.document)));
    } else if (walk.states[use.document] == Walk::State::kNew) {
      walk.states[use.document] = Walk::State::kOpen;
      walk.open.push_back(use.document);
      next.push_back(0);
    }
  }
}

// The document without a name, or the only one that no other needs.
std::size_t find_result(Reader& reader, const std::vector<std::vector<Use>>& uses) {
  const auto& recipes = reader.file.recipes;
  const auto unnamed = std::ranges::find(recipes, std::string(), &Recipe::name);
  if (unnamed != recipes.end()) return static_cast<std::size_t>(unnamed - recipes.begin());
  std::vector<bool> needed(recipes.size());
  for (const auto& of_one : uses) {
    for (const Use& use : of_one)
      needed[use.document] = true;
  }
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (!needed[i]) candidates.push_back(i);
  }
  if (candidates.size() == 1) return candidates.front();
  if (!candidates.empty()) {  // else: a circle, told there
    tell(reader, recipes[candidates[1]].name_at,
         fmt::format("which document is the result, {} or {}? No other needs them; leave out the "
                     "'name' of the one that is",
                     quoted(recipes[candidates[0]].name), quoted(recipes[candidates[1]].name)));
  }
  return kNone;
}

}  // namespace

void judge_documents(Reader& reader) {
  auto& recipes = reader.file.recipes;
  if (recipes.empty()) return;
  if (reader.documents == 1) {
    if (!recipes.front().name.empty()) {
      note(reader, recipes.front().name_at,
           "'name' is passed over: it is for recipes of several documents");
      recipes.front().name.clear();
    }
    reader.file.order = {0};
    return;
  }
  if (!judge_names(reader)) return;
  std::vector<std::vector<Use>> uses;
  for (const Recipe& recipe : recipes)
    uses.push_back(uses_of(recipes, recipe));
  const std::size_t result = find_result(reader, uses);
  Walk walk{reader, uses, std::vector<Walk::State>(recipes.size())};
  if (result != kNone) visit(walk, result);
  const std::vector<std::size_t> order = reader.file.order;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (walk.states[i] != Walk::State::kNew) continue;
    if (result != kNone) {
      note(reader, recipes[i].at,
           fmt::format("the document {} is passed over: no other needs it",
                       quoted(recipes[i].name)));
    }
    visit(walk, i);
  }
  reader.file.order = order;
}

}  // namespace shardwright::recipe
