#include "arch/expand.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/config_values.h"
#include "arch/form.h"
#include "arch/tie.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::string_view kHubLayout = "hub";

std::string_view class_of(const json::Value& config) {
  const json::Value* names = config.find("architectures");
  if (names == nullptr || names->array() == nullptr || names->array()->empty()) return {};
  const json::Value& first = names->array()->front();
  return first.string() != nullptr ? std::string_view(*first.string()) : std::string_view();
}

Result<std::size_t> pick_class(const Schema& schema, std::string_view requested,
                               std::string_view found) {
  for (std::size_t i = 0; i < schema.classes.size(); ++i) {
    if (schema.classes[i].name == (requested.empty() ? found : requested)) return i;
  }
  if (requested.empty()) return std::size_t{0};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("rule '{}' has no class {}", schema.name, quoted(requested))};
}

// A pattern that is literal but for its stars, so holes are filled first.
void fill_ignored(const std::vector<NameTemplate>& ignored, ConfigValues& values,
                  std::vector<std::string>& filled) {
  for (const NameTemplate& name : ignored) {
    std::string pattern;
    bool known = true;
    for (const NameTemplate::Piece& piece : name.pieces) {
      pattern += piece.text;
      ExprValue value;
      if (!piece.hole) continue;
      known = known && values.evaluate(*piece.hole, value) && value.kind == ExprKind::kInt;
      pattern += fmt::format("{}", value.integer);
    }
    if (known) filled.push_back(std::move(pattern));
  }
}

std::size_t hits(const Form& form, std::span<const std::string_view> names) {
  std::size_t count = 0;
  form.table.find_all(names, form.tensors, [&](std::optional<std::size_t> found) {
    count += std::size_t{found.has_value()};
  });
  return count;
}

// Whether the layout may have the name, which the hub's form has not: cheap, and false only where
// it has not.
bool may_hold(const LayoutChange& layout, std::string_view name) {
  if (!layout.with.empty()) return true;
  for (const RenameChange& change : layout.rename) {
    const bool there = change.at_start ? name.starts_with(change.to)
                                       : name.find(change.to) != std::string_view::npos;
    if (there) return true;
  }
  // Scales stand behind the name of what they scale.
  if (name.ends_with(kScaleEnd)) name.remove_suffix(kScaleEnd.size());
  std::array<std::uint64_t, kMaxLetters> letters{};
  const auto made = [&](const NumberedName& to) { return to.match(name, letters); };
  return std::ranges::any_of(layout.stacks, made, &StackChange::to) ||
         std::ranges::any_of(layout.splits, [&](const SplitChange& split) {
           return std::ranges::any_of(split.to, made);
         });
}

struct Choice {
  Form form{};
  std::string_view layout{};
};

// The form that most names fit; the hub's where another is no better.
Result<Choice> choose(FormContext& context, Form hub, std::span<const std::string_view> names) {
  constexpr std::size_t kSample = 64;
  const Form plain = context.body.layouts.empty() || names.empty() ? Form{} : hub;
  Choice best{.form = std::move(hub), .layout = kHubLayout};
  SW_TRY_OK(finish(context, best.form));
  std::size_t most = hits(best.form, names);
  std::vector<std::string_view> missed;
  for (std::size_t i = 0; most < names.size() && i < names.size() && missed.size() < kSample; ++i) {
    if (!best.form.table.find(names[i], best.form.tensors)) missed.push_back(names[i]);
  }
  const bool other_names = !context.change.strip.empty() || !context.change.rename.empty();
  for (const LayoutChange& layout : context.body.layouts) {
    if (layout.internal) continue;
    const bool worth_it = std::ranges::any_of(
        missed, [&](std::string_view name) { return other_names || may_hold(layout, name); });
    if (!worth_it) continue;
    SW_TRY(Form form, apply_layout(context, layout, plain));
    SW_TRY_OK(finish(context, form));
    const std::size_t found = hits(form, names);
    if (found <= most) continue;
    most = found;
    best = {.form = std::move(form), .layout = layout.name};
  }
  return best;
}

Result<Choice> make_form(FormContext& context, Form hub, const ExpandRequest& request) {
  if (request.layout.empty()) return choose(context, std::move(hub), request.names);
  Choice result{.form = std::move(hub), .layout = request.layout};
  if (request.layout != kHubLayout) {
    const auto& layouts = context.body.layouts;
    const auto layout = std::ranges::find(layouts, request.layout, &LayoutChange::name);
    SW_TRY(result.form, apply_layout(context, *layout, result.form));
  }
  SW_TRY_OK(finish(context, result.form));
  return result;
}

// Each tensor of the hub's form is itself.
void trace_hub(Form& hub) {
  hub.origins.resize(hub.tensors.size());
  for (std::size_t i = 0; i < hub.origins.size(); ++i) {
    hub.origins[i].kind = Origin::Kind::kWhole;
    hub.origins[i].sources = {static_cast<std::uint32_t>(i)};
  }
}

}  // namespace

Status is_layout_of(const Schema& schema, std::string_view layout) {
  if (layout.empty() || layout == kHubLayout ||
      std::ranges::find(schema.layouts, layout, &SchemaLayout::name) != schema.layouts.end()) {
    return ok();
  }
  std::string known = "hub";
  for (const SchemaLayout& other : schema.layouts)
    known += other.internal ? "" : ", " + other.name;
  return Error{ErrorCode::kInvalidArgument, fmt::format("rule '{}' has no layout {}: it has {}",
                                                        schema.name, quoted(layout), known)};
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kNone:
      return "";
    case Role::kEmbedding:
      return "embedding";
    case Role::kHead:
      return "head";
    case Role::kRouter:
      return "router";
    case Role::kRouterBias:
      return "router_bias";
    case Role::kSharedGate:
      return "shared_gate";
    case Role::kExpert:
      return "expert";
    case Role::kSharedExpert:
      return "shared_expert";
    case Role::kNorm:
      return "norm";
    case Role::kScore:
      return "score";
    case Role::kPosition:
      return "position";
    case Role::kBlockScale:
      return "block_scale";
  }
  return "";
}

Result<TracedExpansion> expand_traced(const Schema& schema, const json::Value& config,
                                      const ExpandRequest& request, bool trace) {
  const SchemaBody& body = *schema.body;
  const std::string_view found = class_of(config);
  SW_TRY(const std::size_t picked, pick_class(schema, request.class_name, found));
  SW_TRY_OK(is_layout_of(schema, request.layout));
  const ClassChange& change = body.classes[picked];
  TracedExpansion result;
  Expansion& expansion = result.expansion;
  expansion.schema = &schema;
  expansion.class_name = change.name;
  for (const ClassChange& other : body.classes) {
    if (expansion.base_prefix.empty()) expansion.base_prefix = other.strip;
  }
  expansion.layout = request.layout.empty() ? kHubLayout : request.layout;
  auto storage = std::make_shared<Expansion::Storage>();
  expansion.storage = storage;
  if (config.object() == nullptr) {
    expansion.problems.push_back(
        {.kind = ConfigProblem::Kind::kWrongType,
         .message = fmt::format("the config is {}, expected an object", config.kind_name())});
    return result;
  }
  ConfigValues values(body, config, found.empty() ? std::string_view(change.name) : found);
  values.check_requirements();
  values.check_lengths(schema.per_layer_keys);
  const BlockQuant quant = read_block_quant(values, expansion.quantization);
  if (quant.on) expansion.block = quant.block;
  expansion.tie = read_tie(body.tied, values);
  expansion.vocabulary = values.number("vocab");
  expansion.vocabulary_pointer = values.pointer("vocab");
  expansion.layers = values.number("layers");
  expansion.layers_pointer = values.pointer("layers");
  expansion.hidden = values.number("hidden");
  expansion.experts = values.number("experts");
  expansion.experts_pointer = values.pointer("experts");
  expansion.per_token = values.least("top");
  if (values.number("top")) expansion.per_token_pointer = values.pointer("top");
  fill_ignored(body.ignored, values, storage->ignored);
  fill_ignored(change.ignored, values, storage->ignored);

  FormContext context{schema, body, change, quant, values, *storage};
  Form hub;
  expansion.usable = make_hub(context, hub);
  if (expansion.usable) {
    if (trace) trace_hub(hub);
    SW_TRY(Choice choice, make_form(context, std::move(hub), request));
    Form& form = choice.form;
    for (const Form::Tie& tie : form.ties) {
      ExpectedTensor& target = form.tensors[tie.target];
      target.optional = target.optional || expansion.tie.tied;
      expansion.ties.push_back({.target = target.name, .source = form.tensors[tie.source].name});
    }
    expansion.layout = choice.layout;
    expansion.tensors = std::move(form.tensors);
    storage->table = std::move(form.table);
    result.origins = std::move(form.origins);
  }
  expansion.problems = std::move(values.problems());
  return result;
}

Result<Expansion> expand(const Schema& schema, const json::Value& config,
                         const ExpandRequest& request) {
  SW_TRY(TracedExpansion traced, expand_traced(schema, config, request, false));
  return std::move(traced.expansion);
}

}  // namespace shardwright
