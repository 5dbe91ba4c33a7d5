#include "merge/modules.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace shardwright {
namespace {

struct KindRow {
  ModuleKind kind{};
  std::string_view name;                        // what recipes call it
  std::array<std::string_view, 4> other_names;  // and may call it
  // Components of tensors' names that tell the kind.
  std::array<std::string_view, 6> components;
};

// The first row with a component of the name counts: a tower's merger is no part of the tower.
constexpr std::array<KindRow, 4> kTowers = {{
    {ModuleKind::kProjector,
     "multi_modal_projector",
     {"projector", "merger", "connector"},
     {"multi_modal_projector", "merger", "merger_list", "deepstack_merger_list", "connector",
      "mm_projector"}},
    {ModuleKind::kVision,
     "vision_tower",
     {"vision_model", "visual", "vision_encoder"},
     {"vision_tower", "vision_model", "visual", "vision_encoder"}},
    {ModuleKind::kAudio,
     "audio_tower",
     {"audio_model", "audio_encoder"},
     {"audio_tower", "audio_model", "audio_encoder"}},
    {ModuleKind::kRest,
     "text_decoder",
     {"language_model", "text_model", "shared", "default"},
     {"language_model", "text_model"}},
}};

// These tell by standing first, behind "model." or not: other models have encoders inside.
constexpr std::array<KindRow, 2> kHalves = {{
    {ModuleKind::kEncoder, "encoder", {}, {}},
    {ModuleKind::kDecoder, "decoder", {}, {}},
}};

std::string_view behind_model(std::string_view name) {
  constexpr std::string_view kModel = "model.";
  return name.starts_with(kModel) ? name.substr(kModel.size()) : name;
}

bool begins(std::string_view name, std::string_view prefix) {
  return name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] == '.';
}

std::optional<ModuleKind> kind_named(std::string_view module) {
  if (module.empty()) return std::nullopt;
  for (const KindRow& row : kTowers) {
    if (row.name == module || std::ranges::find(row.other_names, module) != row.other_names.end())
      return row.kind;
  }
  for (const KindRow& row : kHalves) {
    if (row.name == module) return row.kind;
  }
  return std::nullopt;
}

}  // namespace

ModuleKind module_kind_of(std::string_view tensor) {
  const std::vector<std::string_view> components = split(tensor, '.');
  for (const KindRow& row : kTowers) {
    for (const std::string_view component : components) {
      if (!component.empty() &&
          std::ranges::find(row.components, component) != row.components.end())
        return row.kind;
    }
  }
  for (const KindRow& row : kHalves) {
    if (begins(behind_model(tensor), row.name)) return row.kind;
  }
  return ModuleKind::kRest;
}

std::string_view module_kind_name(ModuleKind kind) {
  for (const KindRow& row : kTowers) {
    if (row.kind == kind) return row.name;
  }
  return kind == ModuleKind::kEncoder ? "encoder" : "decoder";
}

std::optional<std::size_t> module_of(std::string_view tensor,
                                     std::span<const RecipeModule> modules) {
  const ModuleKind kind = module_kind_of(tensor);
  std::optional<std::size_t> by_prefix;
  std::optional<std::size_t> rest;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const std::string_view name = modules[i].name;
    const auto means = kind_named(name);
    if (means == kind && kind != ModuleKind::kRest) return i;
    if (means == kind) rest = i;
    const bool is_prefix = begins(tensor, name) || begins(behind_model(tensor), name);
    if (is_prefix && (!by_prefix || modules[*by_prefix].name.size() < name.size())) by_prefix = i;
  }
  return by_prefix ? by_prefix : rest;
}

}  // namespace shardwright
