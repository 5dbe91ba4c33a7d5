// What holds between the method, the base and the inputs: how many, which must be there, and which
// parameters must have a value.
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/recipe_reader.h"

namespace shardwright::recipe {
namespace {

// One list of inputs, with what holds around it.
struct Inputs {
  std::span<const RecipeSource> sources{};
  const ModelRef* base{};
  std::vector<const Parameters*> around{};  // from the nearest level outwards
  Mark at{};
  bool of_slice{};  // a base that is not listed is not added
};

bool gives(const Parameters& parameters, std::string_view name) {
  return std::ranges::find(parameters, name, &Parameter::name) != parameters.end();
}

bool given_around(const Inputs& inputs, std::string_view name) {
  return std::ranges::any_of(inputs.around, [name](const auto* p) { return gives(*p, name); });
}

bool is_base(const Inputs& inputs, const RecipeSource& source) {
  return inputs.base != nullptr && source.model == *inputs.base;
}

bool base_is_listed(const Inputs& inputs) {
  return std::ranges::any_of(inputs.sources, [&](const auto& s) { return is_base(inputs, s); });
}

std::string range_text(const Method& method) {
  const auto inputs = [](std::size_t n) {
    return fmt::format("{} {}", n, n == 1 ? "model" : "models");
  };
  if (method.least_inputs == method.most_inputs) return inputs(method.least_inputs);
  if (method.most_inputs == 0) return fmt::format("at least {}", inputs(method.least_inputs));
  return fmt::format("{} to {}", method.least_inputs, inputs(method.most_inputs));
}

// How many models are merged, by the rule of the method about its base.
void judge_count(Reader& reader, const Inputs& inputs) {
  const Method& method = *reader.method;
  const bool apart = method.base == BaseRule::kOptional || method.base == BaseRule::kRequired;
  const bool listed = base_is_listed(inputs);
  const bool added = inputs.base != nullptr && !listed && !inputs.of_slice && !apart;
  std::size_t count = inputs.sources.size() + (added ? 1 : 0);
  if (apart && listed) --count;
  if (count >= method.least_inputs && (method.most_inputs == 0 || count <= method.most_inputs)) {
    return;
  }
  std::string message =
      fmt::format("method '{}' merges {}{}, and {} {} listed here", method.name, range_text(method),
                  apart ? " besides the base" : "", count, count == 1 ? "is" : "are");
  if (added) {
    message =
        fmt::format("method '{}' merges {}, and with base_model {}, which is not listed, {} {}",
                    method.name, range_text(method), quoted(inputs.base->text), count,
                    count == 1 ? "is given" : "are given");
  }
  tell(reader, inputs.at, std::move(message));
}

// False where there must be a base and is none.
bool judge_base(Reader& reader, const Inputs& inputs) {
  const BaseRule rule = reader.method->base;
  if (rule == BaseRule::kNone) return true;
  if (inputs.base == nullptr) return rule == BaseRule::kOptional;
  if (inputs.of_slice && !base_is_listed(inputs)) {
    tell(
        reader, inputs.at,
        fmt::format("base_model {} is not among the sources of this slice; list it with the layers "
                    "that it has here",
                    quoted(inputs.base->text)));
    return false;
  }
  return true;
}

void judge_required(Reader& reader, const Inputs& inputs) {
  const Method& method = *reader.method;
  for (const ParameterRow& row : method.parameters) {
    if (row.preset || row.scope != ParameterScope::kInput || given_around(inputs, row.name))
      continue;
    for (const RecipeSource& source : inputs.sources) {
      if (source.model.path.empty() || gives(source.parameters, row.name)) continue;
      if (is_base(inputs, source) && method.base != BaseRule::kNone) continue;
      tell(reader, source.at,
           fmt::format("method '{}' needs '{}' for model {}: under its 'parameters', or for all "
                       "models under those of the recipe",
                       method.name, row.name, quoted(source.model.text)));
    }
    if (method.base == BaseRule::kNone && inputs.base != nullptr && !inputs.of_slice &&
        !base_is_listed(inputs)) {
      tell(reader, inputs.base->at,
           fmt::format("base_model {} is not among the models, so method '{}' merges it too, and "
                       "needs '{}' for it: list it with its 'parameters'",
                       quoted(inputs.base->text), method.name, row.name));
    }
  }
}

void judge_layers(Reader& reader, const Inputs& inputs) {
  const auto length = [](const RecipeSource& s) { return s.layers->end - s.layers->begin; };
  const RecipeSource* first = nullptr;
  for (const RecipeSource& source : inputs.sources) {
    if (!source.layers) continue;
    if (first == nullptr) first = &source;
    if (length(source) == length(*first)) continue;
    tell(reader, source.at,
         fmt::format("{} layers of {} cannot be merged with {} of {}: the sources of a slice have "
                     "equally many",
                     length(source), quoted(source.model.text), length(*first),
                     quoted(first->model.text)));
  }
}

// The lists of inputs of a body.
std::vector<Inputs> inputs_of(const Recipe& recipe, const RecipeBody& body,
                              const Parameters* module) {
  std::vector<const Parameters*> around;
  if (module != nullptr) around.push_back(module);
  around.push_back(&recipe.parameters);
  const ModelRef* base = recipe.base ? &*recipe.base : nullptr;
  std::vector<Inputs> out;
  if (!body.models.empty()) {
    out.push_back({body.models, base, around, body.models.front().at, false});
  }
  for (const RecipeSlice& slice : body.slices) {
    auto levels = around;
    levels.insert(levels.begin(), &slice.parameters);
    out.push_back({slice.sources, slice.base ? &*slice.base : base, levels, slice.at, true});
  }
  return out;
}

}  // namespace

void judge_inputs(Reader& reader, const Recipe& recipe) {
  std::vector<Inputs> all = inputs_of(recipe, recipe.body, nullptr);
  for (const RecipeModule& module : recipe.modules) {
    for (Inputs& inputs : inputs_of(recipe, module.body, &module.parameters))
      all.push_back(std::move(inputs));
  }
  for (const Inputs& inputs : all)
    judge_layers(reader, inputs);
  if (reader.method == nullptr || all.empty()) return;

  // What no list has is told once, at the method.
  const Method& method = *reader.method;
  const bool needs_base = method.base == BaseRule::kRequired || method.base == BaseRule::kInput;
  const auto lacks_base = [](const Inputs& inputs) { return inputs.base == nullptr; };
  const bool no_base = needs_base && std::ranges::all_of(all, lacks_base);
  if (no_base) {
    tell(reader, recipe.method_at,
         fmt::format("method '{}' needs a base model: add the key 'base_model'", method.name));
  }
  for (const Inputs& inputs : all) {
    if (inputs.sources.empty() || (inputs.base != nullptr && inputs.base->path.empty())) {
      continue;  // told already; nothing to judge by
    }
    if (needs_base && !no_base && inputs.base == nullptr) {
      tell(reader, inputs.at,
           fmt::format("method '{}' needs a base model: add 'base_model' here or to the recipe",
                       method.name));
    }
    if (judge_base(reader, inputs)) judge_count(reader, inputs);
    judge_required(reader, inputs);
  }
  for (const ParameterRow& row : method.parameters) {
    if (row.preset || row.scope != ParameterScope::kGlobal) continue;
    const auto lacks = [&row](const Inputs& inputs) { return !given_around(inputs, row.name); };
    const std::string needs =
        fmt::format("method '{}' needs the parameter '{}'", method.name, row.name);
    if (std::ranges::all_of(all, lacks)) {
      tell(reader, recipe.method_at, needs + " under 'parameters'");
      continue;
    }
    for (const Inputs& inputs : all) {
      if (lacks(inputs))
        tell(reader, inputs.at, needs + ", which neither this slice nor the recipe gives");
    }
  }
}

}  // namespace shardwright::recipe
