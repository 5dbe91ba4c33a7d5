#include "merge/parts.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "merge/modules.h"

namespace shardwright {
namespace {

// What parts are read from, and where mistakes go.
struct Reading {
  const Recipe& recipe;
  const Method& method;
  std::span<const MergeInput> inputs;
  std::span<const View> views;
  std::vector<Mistake>& mistakes;
};

Slice whole_slice(const Reading& from, const std::vector<RecipeSource>& models, Mark at) {
  Slice whole{.whole = true, .at = at};
  for (const RecipeSource& source : models) {
    whole.sources.push_back({.input = input_of(from.inputs, source.model),
                             .parameters = &source.parameters,
                             .at = source.at});
  }
  if (!from.recipe.base) return whole;
  const std::size_t base = input_of(from.inputs, *from.recipe.base);
  const auto found = std::ranges::find(whole.sources, base, &SliceSource::input);
  whole.base = static_cast<std::size_t>(found - whole.sources.begin());
  if (found == whole.sources.end())
    whole.sources.push_back({.input = base, .at = from.recipe.base->at});
  return whole;
}

// The stack of an input that `layer_range` counts: the one that the rule counts, if the part holds
// it, or else the only one in the part.
std::string_view stack_of(const Reading& from, const Part& part, const View& view) {
  if (!part.module) return view.stack;
  if (!view.stack.empty() && is_of(part, from.recipe, view.stack)) return view.stack;
  std::string_view only;
  for (const auto& [stack, depth] : view.depths) {
    if (!is_of(part, from.recipe, stack)) continue;
    if (!only.empty()) return {};
    only = stack;
  }
  return only;
}

void read_slice(const Reading& from, const RecipeSlice& written, Part& part) {
  Slice slice{.parameters = &written.parameters, .at = written.at};
  const std::optional<ModelRef>& base = written.base ? written.base : from.recipe.base;
  for (const RecipeSource& source : written.sources) {
    const std::size_t input = input_of(from.inputs, source.model);
    const View& view = from.views[input];
    const std::string_view stack = stack_of(from, part, view);
    const auto depth = view.depths.find(stack);
    if (stack.empty() || depth == view.depths.end()) {
      from.mistakes.push_back(
          {source.at, fmt::format("which tensors of {} are layers is not clear, so they cannot be "
                                  "sliced{}",
                                  quoted(source.model.text),
                                  view.depths.size() > 1 && !part.module
                                      ? ": name its modules, and slice one of them"
                                      : "")});
      continue;
    }
    part.stacks[input] = stack;
    const LayerRange layers = source.layers.value_or(LayerRange{0, depth->second});
    if (layers.end > depth->second) {
      from.mistakes.push_back(
          {source.at,
           fmt::format("layer_range [{}, {}] reaches beyond the {} layers of {}", layers.begin,
                       layers.end, depth->second, quoted(source.model.text))});
    }
    slice.sources.push_back({.input = input,
                             .begin = layers.begin,
                             .end = layers.end,
                             .parameters = &source.parameters,
                             .at = source.at});
  }
  if (slice.sources.empty()) return;
  const SliceSource& first = slice.sources.front();
  for (const SliceSource& source : slice.sources) {
    if (source.end - source.begin == first.end - first.begin) continue;
    from.mistakes.push_back(
        {source.at, fmt::format("the sources of a slice have different numbers of layers: {} and "
                                "{}",
                                first.end - first.begin, source.end - source.begin)});
  }
  if (base) {
    const auto found =
        std::ranges::find(slice.sources, input_of(from.inputs, *base), &SliceSource::input);
    if (found != slice.sources.end())
      slice.base = static_cast<std::size_t>(found - slice.sources.begin());
  }
  part.slices.push_back(std::move(slice));
}

void read_body(const Reading& from, const RecipeBody& body, Mark at, Part& part) {
  part.stacks.resize(from.inputs.size());
  if (!body.models.empty()) part.slices.push_back(whole_slice(from, body.models, at));
  for (const RecipeSlice& slice : body.slices)
    read_slice(from, slice, part);
}

// "text_decoder (290 tensors), vision_tower (162 tensors)".
std::string modules_text(const std::map<ModuleKind, std::size_t>& kinds) {
  std::vector<std::string> words;
  for (const auto& [kind, count] : kinds)
    words.push_back(fmt::format("{} ({} tensors)", module_kind_name(kind), count));
  return fmt::format("{}", fmt::join(words, ", "));
}

// Every tensor is of a module of the recipe, and every such module has tensors.
void judge_modules(const Reading& from) {
  const auto& modules = from.recipe.modules;
  std::set<std::size_t> found;
  std::map<ModuleKind, std::size_t> all;
  std::map<ModuleKind, std::size_t> unsaid;
  std::string_view example;
  for (const View& view : from.views) {
    for (const auto& [name, tensor] : view.tensors) {
      const auto module = module_of(name, modules);
      ++all[module_kind_of(name)];
      if (module) {
        found.insert(*module);
      } else {
        if (unsaid.empty()) example = name;
        ++unsaid[module_kind_of(name)];
      }
    }
  }
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (found.contains(i)) continue;
    from.mistakes.push_back(
        {modules[i].at, fmt::format("no tensor is of the module {}; the models have {}",
                                    quoted(modules[i].name), modules_text(all))});
  }
  if (unsaid.empty()) return;
  from.mistakes.push_back(
      {modules.front().at, fmt::format("'modules' says nothing of {} ({}): give it 'models' too",
                                       modules_text(unsaid), quoted(example))});
}

std::string wanted_inputs(const Method& method) {
  if (method.most_inputs == method.least_inputs) return fmt::format("{}", method.least_inputs);
  if (method.most_inputs == 0) return fmt::format("{} or more", method.least_inputs);
  return fmt::format("{} to {}", method.least_inputs, method.most_inputs);
}

void judge_slice(const Reading& from, const Slice& slice) {
  const Method& method = from.method;
  const bool needs_base = method.base == BaseRule::kRequired || method.base == BaseRule::kInput;
  if (needs_base && !slice.base) {
    from.mistakes.push_back(
        {slice.at, from.recipe.base
                       ? fmt::format("{} needs the base model {} among the sources of each slice",
                                     method.name, quoted(from.recipe.base->text))
                       : fmt::format("{} needs 'base_model'", method.name)});
  }
  const bool apart = slice.base && is_base_apart(method);
  const std::size_t count = slice.sources.size() - (apart ? 1 : 0);
  const bool too_many = method.most_inputs > 0 && count > method.most_inputs;
  if (count >= method.least_inputs && !too_many) return;
  from.mistakes.push_back(
      {slice.at, fmt::format("{} takes {} models{}, not {}", method.name, wanted_inputs(method),
                             apart ? " beside the base" : "", count)});
}

}  // namespace

std::vector<Part> parts_of(const Recipe& recipe, const Method& method,
                           std::span<const MergeInput> inputs, std::span<const View> views,
                           std::vector<Mistake>& mistakes) {
  const Reading from{recipe, method, inputs, views, mistakes};
  const std::size_t before = mistakes.size();
  std::vector<Part> parts;
  if (recipe.modules.empty()) {
    parts.emplace_back();
    read_body(from, recipe.body, recipe.at, parts.back());
  }
  for (std::size_t i = 0; i < recipe.modules.size(); ++i) {
    const RecipeModule& module = recipe.modules[i];
    parts.push_back({.module = i});
    read_body(from, module.body, module.at, parts.back());
    for (Slice& slice : parts.back().slices)
      slice.of_module = &module.parameters;
  }
  if (!recipe.modules.empty()) judge_modules(from);
  if (mistakes.size() > before) return parts;
  for (const Part& part : parts) {
    for (const Slice& slice : part.slices)
      judge_slice(from, slice);
  }
  return parts;
}

bool is_of(const Part& part, const Recipe& recipe, std::string_view tensor) {
  return !part.module || module_of(tensor, recipe.modules) == part.module;
}

bool is_base_apart(const Method& method) {
  return method.base == BaseRule::kRequired || method.base == BaseRule::kOptional;
}

std::size_t input_of(std::span<const MergeInput> inputs, const ModelRef& model) {
  const auto found = std::ranges::find(inputs, model, &MergeInput::model);
  return static_cast<std::size_t>(found - inputs.begin());
}

}  // namespace shardwright
