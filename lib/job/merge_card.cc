#include "job/merge_card.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "merge/plan.h"

namespace shardwright {
namespace {

// A hub id as it is; of a local path the folder's name, which is no business of readers.
std::string public_name(const std::string& model) {
  const std::filesystem::path path(model);
  if (!path.is_absolute() && !std::filesystem::exists(path)) return model;
  return path.filename().empty() ? path.parent_path().filename().string()
                                 : path.filename().string();
}

// A hub id: what `base_model` of the front matter may name.
bool is_hub_id(const ModelRef& model) {
  return model.path.find('/') == model.path.rfind('/') &&
         model.path.find('/') != std::string::npos && !std::filesystem::exists(model.path);
}

// The models of all documents, but for those that a document makes.
std::vector<ModelRef> models_of_all(std::span<const Recipe* const> recipes) {
  std::vector<ModelRef> out;
  for (const Recipe* recipe : recipes) {
    for (const ModelRef& model : models_of(*recipe)) {
      const bool is_made = std::ranges::any_of(recipes, [&](const Recipe* other) {
        return !other->name.empty() && other->name == model.path;
      });
      const bool is_known = std::ranges::any_of(out, [&](const ModelRef& other) {
        return other.path == model.path && other.lora == model.lora;
      });
      if (!is_made && !is_known) out.push_back(model);
    }
  }
  return out;
}

}  // namespace

std::string model_card(const CardFacts& facts, std::string_view recipe_text) {
  std::string card = "---\n";
  std::string bases;
  for (const ModelRef& model : facts.models) {
    if (is_hub_id(model)) bases += fmt::format("- {}\n", model.path);
  }
  if (!bases.empty()) card += "base_model:\n" + bases;
  card += "library_name: transformers\ntags:\n";
  for (const std::string& tag : facts.tags)
    card += fmt::format("- {}\n", tag);
  card += fmt::format("---\n\n# {}\n\n", facts.title);
  card += facts.intro + "\n\n";
  for (const ModelRef& model : facts.models) {
    const bool base = facts.base && model == *facts.base;
    const std::string adapter =
        model.lora.empty() ? "" : fmt::format(" with the adapter {}", public_name(model.lora));
    card += fmt::format("- {}{}{}\n", public_name(model.path), adapter, base ? " (base)" : "");
  }
  if (recipe_text.empty()) return card;
  card += fmt::format("\n## Recipe\n\n```yaml\n{}{}```\n", recipe_text,
                      recipe_text.ends_with('\n') ? "" : "\n");
  return card;
}

std::string merge_card(std::span<const Recipe* const> recipes, std::string_view recipe_text) {
  const Recipe& recipe = *recipes.back();
  return model_card({.title = fmt::format("A merge by `{}`", recipe.method),
                     .intro = "Merged from:",
                     .models = models_of_all(recipes),
                     .base = recipe.base,
                     .tags = {"merge", "mergekit"}},
                    recipe_text);
}

}  // namespace shardwright
