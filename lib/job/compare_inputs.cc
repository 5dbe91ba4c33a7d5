#include "job/compare_inputs.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "check/engine.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

// Of models that have a tokenizer; equal files are read once. One that cannot be used is not
// compared: a merge that asks for no token does without.
void read_vocabularies(const std::vector<Model*>& models) {
  std::vector<std::pair<Digest, std::shared_ptr<const Vocabulary>>> known;
  for (Model* model : models) {
    const auto digest = vocabulary_digest(model->checkpoint);
    if (!digest) continue;
    const auto same =
        std::ranges::find(known, *digest, [](const auto& entry) { return entry.first; });
    if (same != known.end()) {
      model->vocabulary = same->second;
      continue;
    }
    auto vocabulary = read_vocabulary(model->checkpoint);
    if (!vocabulary || !*vocabulary) continue;
    model->vocabulary = std::make_shared<const Vocabulary>(**std::move(vocabulary));
    known.emplace_back(*digest, model->vocabulary);
  }
}

// What the recipe leaves no room for.
std::vector<std::string> settled_by(const Recipe& recipe) {
  std::vector<std::string> settled;
  const bool is_sliced = !recipe.body.slices.empty() || !recipe.modules.empty();
  if (is_sliced) settled.emplace_back("MG703");
  if (!recipe.dtype.empty() || !recipe.out_dtype.empty()) settled.emplace_back("MG706");
  return settled;
}

}  // namespace

std::vector<Finding> compare_inputs(const Recipe& recipe, std::span<const MergeModel> models) {
  Recipe weights = recipe;
  weights.tokenizer.reset();  // a model that tokens alone are taken of may be any
  const std::vector<ModelRef> merged = models_of(weights);
  std::vector<Model*> compared;
  for (const MergeModel& model : models) {
    if (std::ranges::find(merged, model.ref) == merged.end()) continue;
    const bool leads = recipe.base && model.ref == *recipe.base;
    compared.insert(leads ? compared.begin() : compared.end(), &model.checked->model);
  }
  if (!recipe.tokenizer && compared.size() > 1) read_vocabularies(compared);
  const std::vector<const Model*> inputs(compared.begin(), compared.end());
  std::vector<Finding> findings = run_checks_across(inputs, {.ignore = settled_by(recipe)});
  for (Model* model : compared)
    model->vocabulary.reset();  // large, and of no more use
  return findings;
}

}  // namespace shardwright
