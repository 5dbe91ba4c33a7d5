// The modules of a model of several: a text decoder beside a vision tower, an encoder beside a
// decoder. A recipe names them, and each tensor belongs to one.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/recipe.h"

namespace shardwright {

enum class ModuleKind : unsigned char {
  kRest,  // the text model, and what is in no other: a language model has nothing else
  kVision,
  kAudio,
  kProjector,  // between a tower and the text model
  kEncoder,
  kDecoder,
};

// By the name alone: "model.visual.blocks.0.norm1.weight" is of the vision tower.
ModuleKind module_kind_of(std::string_view tensor);
// What recipes call it: "vision_tower".
std::string_view module_kind_name(ModuleKind kind);

// Which of a recipe's modules a tensor belongs to: the one whose name means its kind ("visual" and
// "vision_model" are "vision_tower" too), or else the one whose name begins the tensor's, behind
// "model." or not. None: no module of the recipe holds it.
std::optional<std::size_t> module_of(std::string_view tensor,
                                     std::span<const RecipeModule> modules);

}  // namespace shardwright
